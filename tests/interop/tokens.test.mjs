// What a client does with its tokens: refresh, introspection, revocation, userinfo.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as openid from 'openid-client'

import { CIBA_GRANT, ask, collect, refusal } from './ciba.mjs'
import { configured } from './clients.mjs'
import { Provider } from './provider.mjs'

const ID = 'tokens'

describe('tokens', { concurrency: true }, () => {
  let provider

  before(async () => {
    provider = await Provider.start([{ client_id: ID, grant_types: [CIBA_GRANT, 'refresh_token'] }])
  })
  after(() => provider?.stop())

  const approved = async () => {
    const client = await configured(provider, ID, openid.ClientSecretBasic(provider.client(ID).client_secret))
    const asked = await ask(client, { scope: 'openid email profile' })
    await provider.answer(asked.auth_req_id, 'allow')
    return { client, tokens: await collect(client, asked) }
  }

  test('userinfo tells what the scopes allow', async () => {
    const { client, tokens } = await approved()
    const told = await openid.fetchUserInfo(client, tokens.access_token, tokens.claims().sub)
    assert.deepEqual(told, { sub: '1001', preferred_username: 'alice', email: 'alice@example.com' })
  })

  test('introspection tells a resource server of access tokens for it, and a client of its refresh tokens', async () => {
    const { client, tokens } = await approved()
    const registered = await provider.register({ grant_types: [], audiences: [provider.described.issuer] })
    const authentication = openid.ClientSecretBasic(registered.client_secret)
    const resource = await configured(provider, registered.client_id, authentication)
    const access = await openid.tokenIntrospection(resource, tokens.access_token)
    assert.deepEqual([access.active, access.sub, access.client_id], [true, '1001', ID])
    assert.equal((await openid.tokenIntrospection(client, tokens.refresh_token)).active, true)
    assert.deepEqual(await openid.tokenIntrospection(resource, tokens.refresh_token), { active: false })
  })

  test('a refresh token yields new tokens of the same person', async () => {
    const { client, tokens } = await approved()
    const refreshed = await openid.refreshTokenGrant(client, tokens.refresh_token)
    assert.notEqual(refreshed.access_token, tokens.access_token)
    const told = await openid.fetchUserInfo(client, refreshed.access_token, '1001')
    assert.equal(told.sub, '1001')
  })

  test('a revoked access token opens nothing', async () => {
    const { client, tokens } = await approved()
    await openid.tokenRevocation(client, tokens.access_token)
    const refused = openid.fetchUserInfo(client, tokens.access_token, '1001')
    await assert.rejects(refused, (thrown) => thrown.cause[0].parameters.error === 'invalid_token')
  })

  test('a revoked refresh token refreshes nothing', async () => {
    const { client, tokens } = await approved()
    await openid.tokenRevocation(client, tokens.refresh_token)
    await assert.rejects(openid.refreshTokenGrant(client, tokens.refresh_token), refusal('invalid_grant'))
  })
})
