// What docs/relying-parties.md tells its readers to do, done: its commands and programs run as they stand there.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

import { Notifications } from './notifications.mjs'
import { COMMANDS, PROGRAMS, block, reply } from './page.mjs'
import { Provider } from './provider.mjs'

const OUTCOMES = { deny: 'not agreed: access_denied', allow: 'agreed: 1001' }

// In order: the programs listen where the page says, one after the other.
describe('the page for relying parties', () => {
  let provider, directory, port, environment

  const placed = (text) => text.replaceAll('9000', port)

  before(async () => {
    port = await freePort()
    provider = await Provider.start(JSON.parse(placed(block('clients.json'))))
    const { issuer, automation } = provider.described
    const SECRET = provider.client('shop').client_secret
    environment = { PATH: process.env.PATH, ISSUER: issuer, AUTOMATION: automation, SECRET }
    directory = mkdtempSync(join(tmpdir(), 'assent-walk-'))
    symlinkSync(new URL('node_modules', import.meta.url).pathname, join(directory, 'node_modules'))
  })
  after(async () => {
    await provider?.stop()
    rmSync(directory, { recursive: true })
  })

  /** Runs a command of the page; its reply, read. */
  const run = async (name, variables = {}) => {
    const env = { ...environment, ...variables }
    const { stdout } = await promisify(execFile)('bash', ['-euc', placed(block(name))], { env })
    return JSON.parse(stdout)
  }

  const ask = async () => {
    const asked = await run('ask')
    assertLike(asked, reply('ask'))
    return { ID: asked.auth_req_id }
  }

  const collect = async (request) => {
    for (;;) {
      const answer = await run('poll', request)
      if (!['authorization_pending', 'slow_down'].includes(answer.error)) return answer
      await setTimeout(1000) // the interval
    }
  }

  const approved = async () => {
    const request = await ask()
    assert.deepEqual(await run('answer', request), reply('answer'))
    return collect(request)
  }

  test('poll with curl', async () => {
    const request = await ask()
    assert.deepEqual(await run('poll', request), reply('poll'))
    assert.deepEqual(await run('answer', request), reply('answer'))
    assertLike(await collect(request), JSON.parse(block('collected')))
  })

  test('ping with curl', async () => {
    const told = await Notifications.listen(port)
    const asked = await run('ask-ping')
    await run('answer', { ID: asked.auth_req_id })
    const token = /client_notification_token=(\S+)/.exec(block('ask-ping'))[1]
    assert.deepEqual((await told.called(token)).body, { auth_req_id: asked.auth_req_id })
    told.close()
    assert.ok((await run('collect-ping', { ID: asked.auth_req_id })).id_token)
  })

  test('cancelling with curl', async () => {
    assert.deepEqual(await run('cancel', await ask()), reply('cancel'))
  })

  test('userinfo with curl', async () => {
    const { access_token } = await approved()
    assert.deepEqual(await run('userinfo', { ACCESS_TOKEN: access_token }), reply('userinfo'))
  })

  test('refreshing with curl', async () => {
    const { access_token, refresh_token } = await approved()
    const refreshed = await run('refresh', { REFRESH_TOKEN: refresh_token })
    assert.ok(refreshed.access_token && refreshed.access_token !== access_token)
  })

  test('no command of the page is left out', () => {
    const run = ['answer', 'ask', 'ask-ping', 'cancel', 'collect-ping', 'poll', 'refresh', 'userinfo']
    assert.deepEqual(COMMANDS.toSorted(), run)
  })

  for (const name of PROGRAMS) {
    for (const [action, last] of Object.entries(OUTCOMES)) {
      test(`${name}: ${action}`, async () => {
        writeFileSync(join(directory, name), placed(block(name)))
        const program = name.endsWith('.py') ? 'python3' : process.execPath
        const child = spawn(program, [name], { cwd: directory, env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
        const said = []
        for await (const line of createInterface(child.stdout)) {
          said.push(line)
          if (said.length === 1) await provider.answer(line, action)
        }
        assert.equal(said[1], last)
      })
    }
  }
})

/** The same members; errors also of the same value. */
function assertLike(answer, shown) {
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
