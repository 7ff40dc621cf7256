// Push mode. The library asks; what is pushed is verified with jose, as the library leaves it to the application.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'

import * as jose from 'jose'
import * as openid from 'openid-client'

import { askToBeTold, pollOnce, refusal } from './ciba.mjs'
import { configured } from './clients.mjs'
import { Notifications } from './notifications.mjs'
import { Provider } from './provider.mjs'

const ID = 'push'

describe('push', { concurrency: true }, () => {
  let provider, notifications

  before(async () => {
    notifications = await Notifications.listen()
    const mode = { backchannel_token_delivery_mode: 'push', grant_types: [] }
    provider = await Provider.start([
      { client_id: ID, ...mode, backchannel_client_notification_endpoint: notifications.url },
    ])
  })
  after(async () => {
    await provider?.stop()
    notifications.close()
  })

  const config = () => configured(provider, ID, openid.ClientSecretBasic(provider.client(ID).client_secret))

  test('what is approved is pushed as tokens that belong together', async () => {
    const client = await config()
    const { asked, token } = await askToBeTold(client)
    assert.equal(asked.interval, undefined)
    await provider.answer(asked.auth_req_id, 'allow')
    const { body } = await notifications.called(token)
    assert.equal(body.auth_req_id, asked.auth_req_id)
    const { issuer, jwks_uri } = client.serverMetadata()
    const keys = jose.createRemoteJWKSet(new URL(jwks_uri))
    const { payload } = await jose.jwtVerify(body.id_token, keys, { issuer, audience: ID })
    assert.equal(payload.sub, '1001')
    assert.equal(payload['urn:openid:params:jwt:claim:auth_req_id'], asked.auth_req_id)
    const hash = createHash('sha256').update(body.access_token).digest().subarray(0, 16)
    assert.equal(payload.at_hash, hash.toString('base64url'))
    assert.equal((await openid.fetchUserInfo(client, body.access_token, '1001')).sub, '1001')
  })

  test('what is denied is pushed as access_denied', async () => {
    const { asked, token } = await askToBeTold(await config())
    await provider.answer(asked.auth_req_id, 'deny')
    const { body } = await notifications.called(token)
    assert.equal(body.error, 'access_denied')
    assert.equal(body.auth_req_id, asked.auth_req_id)
  })

  test('what nobody answers is pushed as expired_token', async () => {
    const { asked, token } = await askToBeTold(await config(), { requested_expiry: '10' })
    const { body } = await notifications.called(token)
    assert.equal(body.error, 'expired_token')
    assert.equal(body.auth_req_id, asked.auth_req_id)
  })

  test('a client of push mode may not poll', async () => {
    const client = await config()
    const { asked } = await askToBeTold(client)
    await assert.rejects(pollOnce(client, asked), refusal('unauthorized_client'))
  })
})
