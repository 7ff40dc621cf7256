// Poll mode, by every way of authenticating that needs no certificate.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as openid from 'openid-client'

import { ask, assertTokens, collect, pollOnce, refusal } from './ciba.mjs'
import { configured, methods } from './clients.mjs'
import { Provider } from './provider.mjs'

const METHODS = methods()
const id = (method) => `poll ${method.name}`.replaceAll(/[^a-z0-9]+/gi, '-')

describe('poll', { concurrency: true }, () => {
  let provider

  before(async () => {
    provider = await Provider.start(METHODS.map((method) => ({ client_id: id(method), ...method.metadata })))
  })
  after(() => provider?.stop())

  for (const method of METHODS) {
    const config = () => configured(provider, id(method), method.authentication())

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
  }

  const [basic] = METHODS
  const config = () => configured(provider, id(basic), basic.authentication())

  test('what nobody answers ends in expired_token', async () => {
    const client = await config()
    const asked = await ask(client, { requested_expiry: '10' })
    assert.equal(asked.expires_in, 10)
    await assert.rejects(collect(client, asked), refusal('expired_token'))
  })

  test('what is not answered yet answers authorization_pending, then slow_down', async () => {
    const client = await config()
    const asked = await ask(client)
    await assert.rejects(pollOnce(client, asked), refusal('authorization_pending'))
    await assert.rejects(pollOnce(client, asked), refusal('slow_down'))
  })

  test('a library that is told to slow down does, and collects', async () => {
    const client = await config()
    const asked = await ask(client)
    await assert.rejects(pollOnce(client, asked), refusal('authorization_pending'))
    await assert.rejects(pollOnce(client, asked), refusal('slow_down'))
    const collecting = collect(client, asked)
    await provider.answer(asked.auth_req_id, 'allow')
    assertTokens(await collecting, id(basic))
  })

  test('a wrong secret answers invalid_client', async () => {
    const client = await configured(provider, id(basic), openid.ClientSecretBasic('wrong'))
    // With its challenge (RFC 6749 §5.2), at which the library looks first.
    await assert.rejects(ask(client), (thrown) => thrown.status === 401 && thrown.cause[0].scheme === 'basic')
  })
})
