// A second library, in another language: Authlib polls, by every way of authenticating that it has.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import * as jose from 'jose'

import { Authority } from './certificates.mjs'
import { byKey, byName, byOwnCertificate, bySecret, idOf, keyPair } from './clients.mjs'
import { Provider } from './provider.mjs'
import { OUTCOMES, PYTHON, follow } from './reader.mjs'

const AUTHORITY = new Authority('Clients')
const SECRET = 'a secret that is long enough for a MAC'
const KEY = await keyPair('ES256')
const secrets = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt'].map((method) => bySecret(method, SECRET))
const METHODS = [
  ...secrets,
  byKey(KEY),
  byName(AUTHORITY.client('/CN=till'), { tls_client_auth_subject_dn: 'CN=till' }),
  byOwnCertificate(AUTHORITY.selfSigned('/CN=own')),
]
const id = (method) => idOf('authlib', method.name)

describe('Authlib', { concurrency: true }, () => {
  let provider
  const directory = mkdtempSync(join(tmpdir(), 'assent-authlib-'))

  before(async () => {
    const clients = METHODS.map((method) => ({ client_id: id(method), ...method.metadata }))
    provider = await Provider.secured(clients, AUTHORITY)
  })
  after(async () => {
    await provider?.stop()
    AUTHORITY.remove()
    rmSync(directory, { recursive: true })
  })

  /** What the client knows, and only that. */
  const environment = async (method) => {
    const { issuer, tls } = provider.described
    const METHOD = method.metadata.token_endpoint_auth_method
    const variables = { PATH: process.env.PATH, ISSUER: issuer, CA: tls.ca, CLIENT: id(method), METHOD, SECRET }
    if (METHOD === 'private_key_jwt') variables.JWK = JSON.stringify(await jose.exportJWK(KEY.key))
    for (const [name, text] of Object.entries(method.certificate ?? {})) {
      variables[name.toUpperCase()] = join(directory, `${id(method)}.${name}`)
      writeFileSync(variables[name.toUpperCase()], text)
    }
    return variables
  }

  for (const method of METHODS) {
    for (const [action, last] of Object.entries(OUTCOMES)) {
      test(`${method.name}: ${action}`, async () => {
        const program = [PYTHON, new URL('with_authlib.py', import.meta.url).pathname]
        const options = { env: await environment(method), stdio: ['ignore', 'pipe', 'inherit'] }
        assert.equal(await follow(program, options, provider, action), last)
      })
    }
  }
})
