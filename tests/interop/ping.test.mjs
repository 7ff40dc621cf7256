// Ping mode, by every way of authenticating that needs no certificate.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { ask, askToBeTold, assertPing, assertTokens, collect, pollOnce, refusal } from './ciba.mjs'
import { configured, methods } from './clients.mjs'
import { Notifications } from './notifications.mjs'
import { Provider } from './provider.mjs'

const METHODS = methods()
const id = (method) => `ping ${method.name}`.replaceAll(/[^a-z0-9]+/gi, '-')

describe('ping', { concurrency: true }, () => {
  let provider, notifications

  before(async () => {
    notifications = await Notifications.listen()
    const clients = METHODS.map((method) => ({
      client_id: id(method),
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint: notifications.url,
      ...method.metadata,
    }))
    provider = await Provider.start(clients)
  })
  after(async () => {
    await provider?.stop()
    notifications.close()
  })

  for (const method of METHODS) {
    const config = () => configured(provider, id(method), method.authentication())

    test(`${method.name}: what is approved is pinged and yields tokens, once`, async () => {
      const client = await config()
      const { asked, token } = await askToBeTold(client)
      await provider.answer(asked.auth_req_id, 'allow')
      assertPing(await notifications.called(token), asked)
      assertTokens(await collect(client, asked), id(method))
      await assert.rejects(pollOnce(client, asked), refusal('invalid_grant'))
    })

    test(`${method.name}: what is denied is pinged and answers access_denied`, async () => {
      const client = await config()
      const { asked, token } = await askToBeTold(client)
      await provider.answer(asked.auth_req_id, 'deny')
      assertPing(await notifications.called(token), asked)
      await assert.rejects(collect(client, asked), refusal('access_denied'))
    })
  }

  const [basic] = METHODS
  const config = () => configured(provider, id(basic), basic.authentication())

  test('what nobody answers is pinged when it expires and answers expired_token', async () => {
    const client = await config()
    const { asked, token } = await askToBeTold(client, { requested_expiry: '10' })
    assertPing(await notifications.called(token), asked)
    await assert.rejects(pollOnce(client, asked), refusal('expired_token'))
  })

  test('a client that is pinged may poll all the same', async () => {
    const client = await config()
    const { asked } = await askToBeTold(client)
    await assert.rejects(pollOnce(client, asked), refusal('authorization_pending'))
    await assert.rejects(pollOnce(client, asked), refusal('slow_down'))
  })

  test('a request without a notification token is refused', async () => {
    await assert.rejects(ask(await config()), refusal('invalid_request'))
  })
})
