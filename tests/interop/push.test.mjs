// Push mode, by every way of authenticating. The library asks; what is pushed is verified with jose, as the library leaves
// it to the application.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as jose from 'jose'
import * as openid from 'openid-client'

import { askToBeTold, halfHash, pollOnce, refusal } from './ciba.mjs'
import { Authority } from './certificates.mjs'
import { configuredBy, idOf, methods } from './clients.mjs'
import { Notifications } from './notifications.mjs'
import { Provider } from './provider.mjs'

const AUTHORITY = new Authority('Clients')
const METHODS = await methods(AUTHORITY)
const id = (method) => idOf('push', method.name)

describe('push', { concurrency: true }, () => {
  let provider, notifications

  before(async () => {
    notifications = await Notifications.listen({ certificate: AUTHORITY.server() })
    const clients = METHODS.map((method) => ({
      client_id: id(method),
      backchannel_token_delivery_mode: 'push',
      backchannel_client_notification_endpoint: notifications.url,
      grant_types: ['refresh_token'],
      ...method.metadata,
    }))
    provider = await Provider.secured(clients, AUTHORITY)
  })
  after(async () => {
    await provider?.stop()
    notifications.close()
    AUTHORITY.remove()
  })

  /** The claims of an ID token that the provider signed for this client. */
  const verified = async (client, idToken) => {
    const { issuer, jwks_uri } = client.serverMetadata()
    const keys = jose.createRemoteJWKSet(new URL(jwks_uri), { [jose.customFetch]: provider.showing() })
    const { payload } = await jose.jwtVerify(idToken, keys, { issuer, audience: client.clientMetadata().client_id })
    return payload
  }

  for (const method of METHODS) {
    const config = () => configuredBy(provider, id(method), method)

    test(`${method.name}: what is approved is pushed as tokens that belong together`, async () => {
      const client = await config()
      const { asked, token } = await askToBeTold(client)
      assert.equal(asked.interval, undefined)
      await provider.answer(asked.auth_req_id, 'allow')
      const { body } = await notifications.called(token)
      assert.equal(body.auth_req_id, asked.auth_req_id)
      const claims = await verified(client, body.id_token)
      assert.equal(claims.sub, '1001')
      assert.equal(claims['urn:openid:params:jwt:claim:auth_req_id'], asked.auth_req_id)
      assert.equal(claims['urn:openid:params:jwt:claim:rt_hash'], halfHash(body.refresh_token))
      assert.equal(claims.at_hash, halfHash(body.access_token))
      assert.equal((await openid.fetchUserInfo(client, body.access_token, '1001')).sub, '1001')
      assert.ok((await openid.refreshTokenGrant(client, body.refresh_token)).access_token)
    })

    test(`${method.name}: what is denied is pushed as access_denied`, async () => {
      const { asked, token } = await askToBeTold(await config())
      await provider.answer(asked.auth_req_id, 'deny')
      const { body } = await notifications.called(token)
      assert.equal(body.error, 'access_denied')
      assert.equal(body.auth_req_id, asked.auth_req_id)
    })

    test(`${method.name}: what nobody answers is pushed as expired_token`, async () => {
      const { asked, token } = await askToBeTold(await config(), { requested_expiry: '10' })
      const { body } = await notifications.called(token)
      assert.equal(body.error, 'expired_token')
      assert.equal(body.auth_req_id, asked.auth_req_id)
    })

    test(`${method.name}: a client of push mode may not poll`, async () => {
      const client = await config()
      const { asked } = await askToBeTold(client)
      await assert.rejects(pollOnce(client, asked), refusal('unauthorized_client'))
    })
  }
})
