// Poll mode, by every way of authenticating: approved, denied, left alone, and asked about too often.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'

import { ask, assertTokens, collect, overhear, pollOnce, refusal } from './ciba.mjs'
import { Authority } from './certificates.mjs'
import { configuredBy, idOf, methods } from './clients.mjs'
import { Provider } from './provider.mjs'

const AUTHORITY = new Authority('Clients')
const METHODS = await methods(AUTHORITY)
const id = (method) => idOf('poll', method.name)

describe('poll', { concurrency: true }, () => {
  let provider

  before(async () => {
    const held = { client_id: 'held', long_poll: 20, ...METHODS[0].metadata }
    const clients = METHODS.map((method) => ({ client_id: id(method), ...method.metadata }))
    provider = await Provider.secured([held, ...clients], AUTHORITY)
  })
  after(async () => {
    await provider?.stop()
    AUTHORITY.remove()
  })

  for (const method of METHODS) {
    const config = () => configuredBy(provider, id(method), method)

    test(`${method.name}: what is approved yields tokens, once`, async () => {
      const client = await config()
      const asked = await ask(client)
      await provider.answer(asked.auth_req_id, 'allow')
      assertTokens(await collect(client, asked), id(method))
      await assert.rejects(pollOnce(client, asked), refusal('invalid_grant'))
    })

    test(`${method.name}: what is denied answers access_denied`, async () => {
      const client = await config()
      const asked = await ask(client)
      await provider.answer(asked.auth_req_id, 'deny')
      await assert.rejects(collect(client, asked), refusal('access_denied'))
    })

    test(`${method.name}: what nobody answers ends in expired_token`, async () => {
      const client = await config()
      const asked = await ask(client, { requested_expiry: '10' })
      assert.equal(asked.expires_in, 10)
      await assert.rejects(collect(client, asked), refusal('expired_token'))
    })

    test(`${method.name}: a library that comes too early slows down, and collects`, async () => {
      const client = await config()
      const asked = await ask(client)
      const ear = overhear(client)
      const collecting = collect(client, { ...asked, interval: 0.2 })
      await once(ear, 'slow_down')
      await provider.answer(asked.auth_req_id, 'allow')
      assertTokens(await collecting, id(method))
      assert.deepEqual([...new Set(ear.errors)], ['authorization_pending', 'slow_down'])
    })
  }

  test('a poll that is held answers when the person does', async () => {
    const client = await configuredBy(provider, 'held', METHODS[0])
    const asked = await ask(client)
    await assert.rejects(pollOnce(client, asked), refusal('authorization_pending')) // the first one is not held
    const ear = overhear(client)
    const collecting = collect(client, asked)
    await once(ear, 'sent')
    await provider.answer(asked.auth_req_id, 'allow')
    assertTokens(await collecting, 'held')
    assert.deepEqual(ear.errors, [])
  })
})
