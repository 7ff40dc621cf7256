// Ping mode, by every way of authenticating. The client is told over TLS.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { ask, askToBeTold, assertPing, assertTokens, pollOnce, refusal } from './ciba.mjs'
import { Authority } from './certificates.mjs'
import { configuredBy, idOf, methods } from './clients.mjs'
import { Notifications } from './notifications.mjs'
import { Provider } from './provider.mjs'

const AUTHORITY = new Authority('Clients')
const METHODS = await methods(AUTHORITY)
const id = (method) => idOf('ping', method.name)

describe('ping', { concurrency: true }, () => {
  let provider, notifications

  before(async () => {
    notifications = await Notifications.listen({ certificate: AUTHORITY.server() })
    const clients = METHODS.map((method) => ({
      client_id: id(method),
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint: notifications.url,
      ...method.metadata,
    }))
    provider = await Provider.secured(clients, AUTHORITY, '--interval', '5')
  })
  after(async () => {
    await provider?.stop()
    notifications.close()
    AUTHORITY.remove()
  })

  for (const method of METHODS) {
    const config = () => configuredBy(provider, id(method), method)

    test(`${method.name}: what is approved is pinged and yields tokens, once`, async () => {
      const client = await config()
      const { asked, token } = await askToBeTold(client)
      await provider.answer(asked.auth_req_id, 'allow')
      assertPing(await notifications.called(token), asked)
      assertTokens(await pollOnce(client, asked), id(method))
      await assert.rejects(pollOnce(client, asked), refusal('invalid_grant'))
    })

    test(`${method.name}: what is denied is pinged and answers access_denied`, async () => {
      const client = await config()
      const { asked, token } = await askToBeTold(client)
      await provider.answer(asked.auth_req_id, 'deny')
      assertPing(await notifications.called(token), asked)
      await assert.rejects(pollOnce(client, asked), refusal('access_denied'))
    })

    test(`${method.name}: what nobody answers is pinged when it expires and answers expired_token`, async () => {
      const client = await config()
      const { asked, token } = await askToBeTold(client, { requested_expiry: '10' })
      assertPing(await notifications.called(token), asked)
      await assert.rejects(pollOnce(client, asked), refusal('expired_token'))
    })

    test(`${method.name}: a client that is pinged may poll all the same`, async () => {
      const client = await config()
      const { asked } = await askToBeTold(client)
      await assert.rejects(pollOnce(client, asked), refusal('authorization_pending'))
      await assert.rejects(pollOnce(client, asked), refusal('slow_down'))
    })
  }

  test('a request without a notification token is refused', async () => {
    const [method] = METHODS
    await assert.rejects(ask(await configuredBy(provider, id(method), method)), refusal('invalid_request'))
  })
})
