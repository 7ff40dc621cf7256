// Whole flows by oauth4webapi, a second library: private_key_jwt, signed requests, DPoP and encrypted ID tokens at once.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as jose from 'jose'
import * as oauth from 'oauth4webapi'

import { CIBA_GRANT } from './ciba.mjs'
import { keyPair } from './clients.mjs'
import { Provider } from './provider.mjs'

const HTTP = { [oauth.allowInsecureRequests]: true }
const CLIENT = { client_id: 'second' }
const DECRYPTING = { [oauth.jweDecrypt]: decrypt }
const KEY = await keyPair('ES256')
const DECRYPTION = await jose.generateKeyPair('ECDH-ES', { crv: 'P-256', extractable: true })

async function decrypt(jwe) {
  const { plaintext } = await jose.compactDecrypt(jwe, DECRYPTION.privateKey, { contentEncryptionAlgorithms: ['A256GCM'] })
  return new TextDecoder().decode(plaintext)
}

describe('oauth4webapi', () => {
  let provider, server

  before(async () => {
    const encryption = { ...(await jose.exportJWK(DECRYPTION.publicKey)), kid: 'to-second', use: 'enc', alg: 'ECDH-ES' }
    const client = {
      client_id: CLIENT.client_id,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [...KEY.jwks.keys, encryption] },
      grant_types: [CIBA_GRANT, 'refresh_token'],
      backchannel_authentication_request_signing_alg: 'ES256',
      dpop_bound_access_tokens: true,
      id_token_encrypted_response_alg: 'ECDH-ES',
      id_token_encrypted_response_enc: 'A256GCM',
      userinfo_signed_response_alg: 'ES256',
      userinfo_encrypted_response_alg: 'ECDH-ES',
      userinfo_encrypted_response_enc: 'A256GCM',
    }
    provider = await Provider.start([client], '--setting', 'policy.dpop_nonce=true')
    const found = await oauth.discoveryRequest(provider.issuer, HTTP)
    server = await oauth.processDiscoveryResponse(new URL(provider.described.issuer), found)
  })
  after(() => provider?.stop())

  const signing = { key: KEY.key, kid: KEY.alg }
  const authentication = () => oauth.PrivateKeyJwt(signing)

  const asked = async () => {
    const parameters = { scope: 'openid email', login_hint: 'alice', binding_message: 'Pay 12.50 EUR' }
    const request = await oauth.issueRequestObject(server, CLIENT, parameters, signing)
    const response = await oauth.backchannelAuthenticationRequest(server, CLIENT, authentication(), { request }, HTTP)
    return oauth.processBackchannelAuthenticationResponse(server, CLIENT, response)
  }

  /** Calls, and once more with the nonce that the provider wants. */
  const withNonce = async (call) => {
    try {
      return await call()
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error
      return call()
    }
  }

  const collect = (id, DPoP) =>
    withNonce(async () => {
      const options = { DPoP, ...HTTP }
      const response = await oauth.backchannelAuthenticationGrantRequest(server, CLIENT, authentication(), id, options)
      return oauth.processBackchannelAuthenticationGrantResponse(server, CLIENT, response, DECRYPTING)
    })

  test('a signed request is approved, and what comes of it is bound, encrypted, used and refreshed', async () => {
    const DPoP = oauth.DPoP(CLIENT, await oauth.generateKeyPair('ES256'))
    const { auth_req_id } = await asked()
    await provider.answer(auth_req_id, 'allow')
    const tokens = await collect(auth_req_id, DPoP)
    assert.equal(tokens.token_type, 'dpop')
    assert.equal(tokens.id_token.split('.').length, 5, 'encrypted')
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, '1001')
    const told = await withNonce(async () => {
      const response = await oauth.userInfoRequest(server, CLIENT, tokens.access_token, { DPoP, ...HTTP })
      return oauth.processUserInfoResponse(server, CLIENT, '1001', response, DECRYPTING)
    })
    assert.deepEqual([told.sub, told.email], ['1001', 'alice@example.com'])
    const refreshed = await withNonce(async () => {
      const options = { DPoP, ...HTTP }
      const response = await oauth.refreshTokenGrantRequest(server, CLIENT, authentication(), tokens.refresh_token, options)
      return oauth.processRefreshTokenResponse(server, CLIENT, response, DECRYPTING)
    })
    assert.equal(refreshed.token_type, 'dpop')
  })

  test('a denial, and an answer that is still awaited, are told as such', async () => {
    const DPoP = oauth.DPoP(CLIENT, await oauth.generateKeyPair('ES256'))
    const { auth_req_id } = await asked()
    await assert.rejects(collect(auth_req_id, DPoP), { error: 'authorization_pending' })
    await provider.answer(auth_req_id, 'deny')
    await assert.rejects(collect(auth_req_id, DPoP), { error: 'access_denied' })
  })
})
