// A running OP with the clients of a test file, and a phone that answers when it is told to.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import * as undici from 'undici'

const SIMULATOR = process.env.ASSENT_SIMULATOR ?? '../../target/debug/simulator'

export class Provider {
  #process
  #directory
  #described
  #agents = []

  /** Starts the simulator with these clients (metadata of dynamic registration) and further options. */
  static async start(clients = [], ...options) {
    const provider = new Provider()
    provider.#directory = mkdtempSync(join(tmpdir(), 'assent-interop-'))
    const file = join(provider.#directory, 'clients.json')
    writeFileSync(file, JSON.stringify(clients))
    const ours = ['--listen', '127.0.0.1:0', '--describe', '--clients', file]
    if (!options.includes('--interval')) ours.push('--interval', '1')
    provider.#process = spawn(SIMULATOR, [...ours, ...options], { stdio: ['ignore', 'pipe', 'ignore'] })
    provider.#described = JSON.parse(await firstLine(provider.#process))
    return provider
  }

  /** The same with TLS, and with clients whose certificates this authority vouches for, as for where they are told. */
  static secured(clients, authority, ...options) {
    const believed = ['--trust', authority.file, '--client-ca', authority.file]
    return Provider.start(clients, '--tls', ...believed, ...options)
  }

  get issuer() {
    return new URL(this.#described.issuer)
  }

  /** What `--describe` says. */
  get described() {
    return this.#described
  }

  /** A `fetch` that believes the provider's authority, and shows this certificate if it is asked for one. */
  showing({ cert, key } = {}) {
    if (!this.#described.tls) return undici.fetch
    const ca = readFileSync(this.#described.tls.ca)
    const dispatcher = new undici.Agent({ connect: { ca, cert, key } })
    this.#agents.push(dispatcher)
    return (url, options) => undici.fetch(url, { ...options, dispatcher })
  }

  /** One of the clients, with its secret if it has one. */
  client(id) {
    return this.#described.clients.find((client) => client.client_id === id)
  }

  /** The operator registers one more; with its secret. */
  async register(metadata) {
    const { url, token } = this.#described.admin
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(`${url}/clients`, { method: 'POST', headers, body: JSON.stringify(metadata) })
    if (!response.ok) throw new Error(`the operator: ${response.status} ${await response.text()}`)
    return response.json()
  }

  /** The phone answers: `allow` or `deny`. */
  async answer(authReqId, action) {
    const query = new URLSearchParams({ auth_req_id: authReqId, action })
    const response = await fetch(`${this.#described.automation}?${query}`, { method: 'POST' })
    if (!response.ok) throw new Error(`the phone: ${response.status} ${await response.text()}`)
  }

  async stop() {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill('SIGTERM')
    await ended
    await Promise.all(this.#agents.map((agent) => agent.destroy()))
    rmSync(this.#directory, { recursive: true })
  }
}

function firstLine(process) {
  return new Promise((resolve, reject) => {
    createInterface(process.stdout).once('line', resolve)
    process.once('error', reject)
    process.once('exit', (code) => reject(new Error(`the simulator ended with status ${code}`)))
  })
}
