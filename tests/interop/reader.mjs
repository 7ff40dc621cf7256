// A reader of docs/relying-parties.md, who does in a directory of her own what it tells her to do, as it stands there.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

import { block } from './page.mjs'

export const PYTHON = process.env.ASSENT_PYTHON ?? 'python3'
export const OUTCOMES = { deny: 'not agreed: access_denied', allow: 'agreed: 1001' }

export class Reader {
  #directory = mkdtempSync(join(tmpdir(), 'assent-walk-'))
  #environment = { PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) }
  port

  /** Where the page says 9000, she takes a port that is free. */
  static async sitDown() {
    const reader = new Reader()
    reader.port = await freePort()
    symlinkSync(new URL('node_modules', import.meta.url).pathname, join(reader.#directory, 'node_modules'))
    return reader
  }

  /** What she writes down, as the page's `export`s say. */
  set(variables) {
    Object.assign(this.#environment, variables)
  }

  read(name) {
    return block(name).replaceAll('9000', this.port)
  }

  /** Copies a block into a file of its name. */
  copy(name) {
    writeFileSync(join(this.#directory, name), this.read(name))
  }

  /** Runs a command; its reply, read. */
  async run(name, variables = {}) {
    const env = { ...this.#environment, ...variables }
    const { stdout } = await promisify(execFile)('bash', ['-euc', this.read(name)], { env, cwd: this.#directory })
    return JSON.parse(stdout)
  }

  /** Polls by the command of this name until there is an end. */
  async collect(name, asked, variables = {}) {
    for (;;) {
      const answer = await this.run(name, { ...variables, ID: asked.auth_req_id })
      if (!['authorization_pending', 'slow_down'].includes(answer.error)) return answer
      await setTimeout(1000) // the interval
    }
  }

  /** Follows a program of the page to its end. */
  follow(name, provider, action, errors = 'inherit', variables = {}) {
    this.copy(name)
    const program = [name.endsWith('.py') ? PYTHON : process.execPath, name]
    const env = { ...this.#environment, ...variables }
    return follow(program, { cwd: this.#directory, env, stdio: ['ignore', 'pipe', errors] }, provider, action)
  }

  /** Each outcome of a program of the page. */
  outcomes(test, provider, name, variables = () => ({})) {
    for (const [action, last] of Object.entries(OUTCOMES)) {
      test(`${name}: ${action}`, async () => {
        assert.equal(await this.follow(name, provider(), action, 'inherit', variables()), last)
      })
    }
  }

  leave() {
    rmSync(this.#directory, { recursive: true })
  }
}

/** A program says an `auth_req_id`, somebody answers it in this way, and the program says how it ended. */
export async function follow([program, ...parameters], options, provider, action) {
  const child = spawn(program, parameters, options)
  const said = []
  for await (const line of createInterface(child.stdout)) {
    said.push(line)
    if (said.length === 1) await provider.answer(line, action)
  }
  return said[1]
}

/** The same members; errors also of the same value. */
export function assertLike(answer, shown) {
  assert.deepEqual(Object.keys(answer).sort(), Object.keys(shown).sort(), JSON.stringify(answer))
  assert.equal(answer.error, shown.error)
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
