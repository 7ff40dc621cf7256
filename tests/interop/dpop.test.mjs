// DPoP by two libraries: tokens bound to a key, used, refreshed, and of no use without it.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'

import { CIBA_GRANT, ask, collect, refusal } from './ciba.mjs'
import { byKey, configuredBy, idOf, keyPair } from './clients.mjs'
import { Provider } from './provider.mjs'
import { send, sign } from './requests.mjs'

const KEY = await keyPair('ES256')
const SIGNS = byKey(KEY)
const ALGORITHMS = ['ES256', 'PS256', 'Ed25519', 'ES384']
const id = (...words) => idOf('dpop', ...words)

for (const nonces of ['offered', 'required']) {
  describe(`DPoP, nonces ${nonces}`, { concurrency: true }, () => {
    let provider

    before(async () => {
      const bound = { ...SIGNS.metadata, grant_types: [CIBA_GRANT, 'refresh_token'], dpop_bound_access_tokens: true }
      const clients = [
        ...ALGORITHMS.map((alg) => ({ client_id: id(alg), ...bound })),
        { client_id: id('jwt'), ...bound, access_token_format: 'jwt' },
        { client_id: id('kept'), ...bound, dpop_bound_refresh_tokens: true },
        { client_id: id('signed'), ...bound, backchannel_authentication_request_signing_alg: 'ES256' },
      ]
      provider = await Provider.start(clients, '--setting', `policy.dpop_nonce=${nonces === 'required'}`)
    })
    after(() => provider?.stop())

    /** The library, set up for a client, with a new key to prove. */
    const proving = async (name, alg = 'ES256') => {
      const client = await configuredBy(provider, id(name), SIGNS)
      return { client, DPoP: openid.getDPoPHandle(client, await openid.randomDPoPKeyPair(alg)) }
    }

    const poll = (client, asked, DPoP) => {
      const signal = AbortSignal.timeout(60_000)
      return openid.pollBackchannelAuthenticationGrant(client, asked, undefined, { DPoP, signal })
    }

    const approved = async (name, alg) => {
      const { client, DPoP } = await proving(name, alg)
      const asked = await ask(client)
      await provider.answer(asked.auth_req_id, 'allow')
      return { client, DPoP, tokens: await poll(client, asked, DPoP) }
    }

    for (const alg of ALGORITHMS) {
      test(`${alg}: tokens are bound, open userinfo with a proof, and refresh`, async () => {
        const { client, DPoP, tokens } = await approved(alg, alg)
        assert.equal(tokens.token_type, 'dpop')
        assert.equal((await openid.fetchUserInfo(client, tokens.access_token, '1001', { DPoP })).sub, '1001')
        const refreshed = await openid.refreshTokenGrant(client, tokens.refresh_token, undefined, { DPoP })
        assert.equal(refreshed.token_type, 'dpop')
        assert.equal((await openid.fetchUserInfo(client, refreshed.access_token, '1001', { DPoP })).sub, '1001')
      })
    }

    test('a copied token opens nothing, neither as a bearer token nor with a key of the thief', async () => {
      const { client, tokens } = await approved('ES256')
      await assert.rejects(openid.fetchUserInfo(client, tokens.access_token, '1001'), { status: 401 })
      const DPoP = openid.getDPoPHandle(client, await openid.randomDPoPKeyPair())
      await assert.rejects(openid.fetchUserInfo(client, tokens.access_token, '1001', { DPoP }), { status: 401 })
    })

    test('without a proof there are no tokens, and with one there still are', async () => {
      const { client, DPoP } = await proving('ES256')
      const asked = await ask(client)
      await provider.answer(asked.auth_req_id, 'allow')
      await assert.rejects(collect(client, asked), refusal('invalid_dpop_proof'))
      assert.equal((await poll(client, asked, DPoP)).token_type, 'dpop')
    })

    test('a denial is told as always', async () => {
      const { client, DPoP } = await proving('ES256')
      const asked = await ask(client)
      await provider.answer(asked.auth_req_id, 'deny')
      await assert.rejects(poll(client, asked, DPoP), refusal('access_denied'))
    })

    test('what was asked in a signed request is bound too', async () => {
      const { client, DPoP } = await proving('signed')
      const asked = await send(client, await sign(provider, id('signed'), KEY))
      await provider.answer(asked.auth_req_id, 'allow')
      assert.equal((await poll(client, asked, DPoP)).token_type, 'dpop')
    })

    test('bound refresh tokens are refreshed by their own key alone', async () => {
      const { client, DPoP, tokens } = await approved('kept')
      const other = openid.getDPoPHandle(client, await openid.randomDPoPKeyPair())
      const stolen = openid.refreshTokenGrant(client, tokens.refresh_token, undefined, { DPoP: other })
      await assert.rejects(stolen, refusal('invalid_grant'))
      assert.equal((await openid.refreshTokenGrant(client, tokens.refresh_token, undefined, { DPoP })).token_type, 'dpop')
    })

    test('a resource server verifies a bound JWT access token with its proof, by oauth4webapi', async () => {
      const client = await configuredBy(provider, id('jwt'), SIGNS)
      const keys = await oauth.generateKeyPair('ES256', { extractable: true })
      const asked = await ask(client)
      await provider.answer(asked.auth_req_id, 'allow')
      const tokens = await poll(client, asked, openid.getDPoPHandle(client, keys))
      const resource = 'http://api.example/stock'
      const call = (proof, scheme = 'DPoP') =>
        new Request(resource, { headers: { authorization: `${scheme} ${tokens.access_token}`, dpop: proof } })
      const proof = async ({ privateKey, publicKey }) =>
        new jose.SignJWT({ htm: 'GET', htu: resource, jti: crypto.randomUUID(), ath: await ath(tokens.access_token) })
          .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await jose.exportJWK(publicKey) })
          .setIssuedAt()
          .sign(privateKey)
      const judge = (request) => {
        const options = { [oauth.allowInsecureRequests]: true, requireDPoP: true }
        return oauth.validateJwtAccessToken(client.serverMetadata(), request, provider.described.issuer, options)
      }
      const claims = await judge(call(await proof(keys)))
      assert.equal(claims.cnf.jkt, await jose.calculateJwkThumbprint(await jose.exportJWK(keys.publicKey)))
      await assert.rejects(judge(call(await proof(await oauth.generateKeyPair('ES256', { extractable: true })))))
    })
  })
}

async function ath(token) {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))
  return jose.base64url.encode(new Uint8Array(hash))
}
