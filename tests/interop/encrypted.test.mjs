// Encrypted ID tokens, and userinfo that is signed, encrypted or both, read by a library.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as jose from 'jose'
import * as openid from 'openid-client'

import { CIBA_GRANT, ask, assertTokens, collect, halfHash } from './ciba.mjs'
import { configured, idOf } from './clients.mjs'
import { Provider } from './provider.mjs'

const CLAIMS = { sub: '1001', email: 'alice@example.com' }

/** A private key to decrypt with, and the JWKS that a client registers for it. */
async function decryptionKey(alg, options) {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true, ...options })
  const jwk = { ...(await jose.exportJWK(publicKey)), kid: `by ${alg}`, alg, use: 'enc' }
  return { alg, name: [alg, options?.crv].filter(Boolean).join('-'), kid: jwk.kid, key: privateKey, jwks: { keys: [jwk] } }
}

const KEYS = await Promise.all([
  decryptionKey('ECDH-ES', { crv: 'P-256' }),
  decryptionKey('ECDH-ES', { crv: 'X25519' }),
  decryptionKey('RSA-OAEP-256'),
])
// The library itself decrypts with the others only.
const P384 = await decryptionKey('ECDH-ES', { crv: 'P-384' })

const encrypting = (what, { alg }) => ({
  [`${what}_encrypted_response_alg`]: alg,
  [`${what}_encrypted_response_enc`]: 'A256GCM',
})

describe('encryption', { concurrency: true }, () => {
  let provider

  before(async () => {
    const both = [...KEYS, P384].flatMap((key) => [
      {
        client_id: idOf('nested', key.name),
        jwks: key.jwks,
        grant_types: [CIBA_GRANT, 'refresh_token'],
        userinfo_signed_response_alg: 'ES256',
        ...encrypting('id_token', key),
        ...encrypting('userinfo', key),
      },
      { client_id: idOf('bare', key.name), jwks: key.jwks, ...encrypting('userinfo', key) },
    ])
    provider = await Provider.start([...both, { client_id: 'signed', userinfo_signed_response_alg: 'ES256' }])
  })
  after(() => provider?.stop())

  const config = async (id, metadata) => {
    const authentication = openid.ClientSecretBasic(provider.client(id).client_secret)
    return configured(provider, id, authentication, { metadata })
  }

  const approved = async (client) => {
    const asked = await ask(client, { scope: 'openid email' })
    await provider.answer(asked.auth_req_id, 'allow')
    return collect(client, asked)
  }

  for (const key of KEYS) {
    test(`${key.name}: an encrypted ID token opens, at a refresh too, and so does userinfo`, async () => {
      const id = idOf('nested', key.name)
      const client = await config(id, { userinfo_signed_response_alg: 'ES256' })
      openid.enableDecryptingResponses(client, ['A256GCM'], { key: key.key, kid: key.kid, alg: key.alg })
      const tokens = await approved(client)
      assertTokens(tokens, id)
      assert.equal(tokens.claims().at_hash, halfHash(tokens.access_token))
      const refreshed = await openid.refreshTokenGrant(client, tokens.refresh_token)
      assert.equal(refreshed.claims().sub, '1001')
      const told = await openid.fetchUserInfo(client, tokens.access_token, '1001')
      assert.deepEqual(told, { ...CLAIMS, iss: provider.issuer.href.replace(/\/$/, ''), aud: id })
    })

    test(`${key.name}: without the key the library reads nothing`, async () => {
      const client = await config(idOf('nested', key.name))
      await assert.rejects(approved(client))
    })
  }

  for (const key of [...KEYS, P384]) {
    test(`${key.name}: claims that nobody signed are a JWE of JSON`, async () => {
      const client = await config(idOf('bare', key.name))
      const { access_token } = await approved(client)
      const answer = await openid.fetchProtectedResource(client, access_token, new URL(client.serverMetadata().userinfo_endpoint), 'GET')
      assert.equal(answer.headers.get('content-type'), 'application/jwt')
      const { plaintext, protectedHeader } = await jose.compactDecrypt(await answer.text(), key.key)
      const { alg, enc, kid, cty } = protectedHeader
      assert.deepEqual([alg, enc, kid, cty], [key.alg, 'A256GCM', key.kid, undefined])
      assert.deepEqual(JSON.parse(new TextDecoder().decode(plaintext)), CLAIMS)
    })
  }

  test('ECDH-ES-P-384: a nested ID token opens in another library', async () => {
    const id = idOf('nested', P384.name)
    const client = await config(id)
    const asked = await ask(client)
    await provider.answer(asked.auth_req_id, 'allow')
    const { id_token } = await raw(client, id, asked)
    const { plaintext, protectedHeader } = await jose.compactDecrypt(id_token, P384.key)
    assert.equal(protectedHeader.cty, 'JWT')
    const keys = jose.createRemoteJWKSet(new URL(client.serverMetadata().jwks_uri))
    const { payload } = await jose.jwtVerify(new TextDecoder().decode(plaintext), keys, { audience: id })
    assert.equal(payload.sub, '1001')
  })

  /** Polls without the library, which would not read the answer. */
  const raw = async (client, id, { auth_req_id }) => {
    const secret = provider.client(id).client_secret
    const authorization = `Basic ${Buffer.from(`${id}:${encodeURIComponent(secret)}`).toString('base64')}`
    for (;;) {
      const body = new URLSearchParams({ grant_type: CIBA_GRANT, auth_req_id })
      const response = await fetch(client.serverMetadata().token_endpoint, { method: 'POST', headers: { authorization }, body })
      const answer = await response.json()
      if (answer.error !== 'authorization_pending' && answer.error !== 'slow_down') return answer
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  }

  test('signed userinfo is verified by the published keys', async () => {
    const client = await config('signed', { userinfo_signed_response_alg: 'ES256' })
    const tokens = await approved(client)
    const told = await openid.fetchUserInfo(client, tokens.access_token, '1001')
    assert.equal(told.aud, 'signed')
  })
})
