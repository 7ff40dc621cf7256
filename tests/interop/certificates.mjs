// Certificates as clients have them, made by openssl: of an authority, which the provider believes or not, or their own.

import { X509Certificate } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const RSA = ['-newkey', 'rsa:2048']

// Of its own, because that of the system adds to certificates what it likes.
const CONFIGURATION = `
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[client]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
subjectAltName = DNS:shop.example
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
`

/** An authority; `file` is what others believe it by. */
export class Authority {
  #directory = mkdtempSync(join(tmpdir(), 'assent-authority-'))
  file = join(this.#directory, 'authority.pem')
  #key = join(this.#directory, 'authority.key')

  constructor(name) {
    writeFileSync(this.#path('openssl.cnf'), CONFIGURATION)
    this.#make(`/CN=${name}`, 'authority', this.file, this.#key, EC)
  }

  /** A client's certificate for this subject, with its key. */
  client(subject) {
    return this.#issue(subject, 'client', EC)
  }

  /** The certificate of a server on this machine, with its key. */
  server() {
    return this.#issue('/CN=localhost', 'server', EC)
  }

  /** A certificate that nobody vouches for. */
  selfSigned(subject, kind = 'ec') {
    const [cert, key] = [this.#path('own.pem'), this.#path('own.key')]
    this.#make(subject, 'client', cert, key, kind === 'rsa' ? RSA : EC)
    return read(cert, key)
  }

  remove() {
    rmSync(this.#directory, { recursive: true })
  }

  #path(name) {
    return join(this.#directory, name)
  }

  #issue(subject, kind, key) {
    const [cert, keyFile] = [this.#path('leaf.pem'), this.#path('leaf.key')]
    this.#make(subject, kind, cert, keyFile, key, '-CA', this.file, '-CAkey', this.#key)
    return read(cert, keyFile)
  }

  #make(subject, extensions, cert, keyFile, key, ...by) {
    const what = ['-config', this.#path('openssl.cnf'), '-extensions', extensions, '-subj', subject, '-days', '1']
    const options = ['req', '-x509', '-nodes', '-out', cert, '-keyout', keyFile, ...what, ...key, ...by]
    execFileSync('openssl', options, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}

/** The key of a certificate, as a client registers it. */
export function publicJwk({ cert }) {
  return new X509Certificate(cert).publicKey.export({ format: 'jwk' })
}

function read(cert, key) {
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}
