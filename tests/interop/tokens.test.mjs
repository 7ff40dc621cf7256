// What a client does with its tokens: refresh, introspection, revocation, userinfo.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'

import { CIBA_GRANT, ask, assertTokens, collect, halfHash, refusal } from './ciba.mjs'
import { configured, idOf } from './clients.mjs'
import { Provider } from './provider.mjs'

const ID = 'tokens'
const ALGORITHMS = { ES256: 'sha256', PS256: 'sha256', RS256: 'sha256', EdDSA: 'sha512', ES384: 'sha384' }

describe('tokens', { concurrency: true }, () => {
  let provider

  before(async () => {
    const refreshing = { client_id: ID, grant_types: [CIBA_GRANT, 'refresh_token'] }
    const signed = Object.keys(ALGORITHMS).map((alg) => ({
      client_id: idOf(ID, alg),
      id_token_signed_response_alg: alg,
      access_token_format: 'jwt',
    }))
    provider = await Provider.start([refreshing, ...signed])
  })
  after(() => provider?.stop())

  const approved = async (id = ID) => {
    const client = await configured(provider, id, openid.ClientSecretBasic(provider.client(id).client_secret))
    const asked = await ask(client, { scope: 'openid email profile' })
    await provider.answer(asked.auth_req_id, 'allow')
    return { client, tokens: await collect(client, asked) }
  }

  for (const [alg, hash] of Object.entries(ALGORITHMS)) {
    test(`${alg}: the ID token is signed so, and the access token is one that a resource server can verify`, async () => {
      const { client, tokens } = await approved(idOf(ID, alg))
      assertTokens(tokens, idOf(ID, alg))
      const [header] = tokens.id_token.split('.')
      assert.equal(JSON.parse(Buffer.from(header, 'base64url')).alg, alg)
      assert.equal(tokens.claims().at_hash, halfHash(tokens.access_token, hash))
      const { issuer } = client.serverMetadata()
      const call = new Request('http://api.example', { headers: { authorization: `Bearer ${tokens.access_token}` } })
      const options = { [oauth.allowInsecureRequests]: true }
      const { sub, client_id } = await oauth.validateJwtAccessToken(client.serverMetadata(), call, issuer, options)
      assert.deepEqual([sub, client_id], ['1001', idOf(ID, alg)])
    })
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
