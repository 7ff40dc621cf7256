// Signed authentication requests (CIBA §7.1.1): the library sends them, jose signs them.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'

import * as jose from 'jose'
import * as openid from 'openid-client'

import { assertTokens, collect, refusal } from './ciba.mjs'
import { configured, keyPair } from './clients.mjs'
import { Provider } from './provider.mjs'

const ALGORITHMS = ['ES256', 'PS256']
const id = (alg) => `signed-${alg}`

describe('signed requests', { concurrency: true }, () => {
  let provider
  const keys = {}

  before(async () => {
    for (const alg of ALGORITHMS) keys[alg] = await keyPair(alg)
    const clients = ALGORITHMS.map((alg) => ({
      client_id: id(alg),
      backchannel_authentication_request_signing_alg: alg,
      jwks: keys[alg].jwks,
    }))
    provider = await Provider.start(clients)
  })
  after(() => provider?.stop())

  const config = (alg) => configured(provider, id(alg), openid.ClientSecretBasic(provider.client(id(alg)).client_secret))

  const signed = (alg, parameters = {}) =>
    new jose.SignJWT({ scope: 'openid', login_hint: 'alice', binding_message: 'Pay 12.50 EUR', ...parameters })
      .setProtectedHeader({ alg, kid: alg })
      .setIssuer(id(alg))
      .setAudience(provider.described.issuer)
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime('5m')
      .setJti(randomUUID())
      .sign(keys[alg].key)

  for (const alg of ALGORITHMS) {
    test(`${alg}: what is asked in a signed request yields tokens`, async () => {
      const client = await config(alg)
      const asked = await openid.initiateBackchannelAuthentication(client, { request: await signed(alg) })
      await provider.answer(asked.auth_req_id, 'allow')
      assertTokens(await collect(client, asked), id(alg))
    })

    test(`${alg}: a signed request is taken once`, async () => {
      const [client, request] = [await config(alg), await signed(alg)]
      await openid.initiateBackchannelAuthentication(client, { request })
      await assert.rejects(openid.initiateBackchannelAuthentication(client, { request }), refusal('invalid_request'))
    })

    test(`${alg}: whoever registered to sign must sign`, async () => {
      const plain = { scope: 'openid', login_hint: 'alice' }
      await assert.rejects(openid.initiateBackchannelAuthentication(await config(alg), plain), refusal('invalid_request'))
    })
  }
})
