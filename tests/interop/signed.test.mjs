// Signed authentication requests, by every kind of key that a library makes.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'

import { ask, assertTokens, collect, refusal } from './ciba.mjs'
import { configured, idOf, keyPair } from './clients.mjs'
import { Provider } from './provider.mjs'
import { send, sign } from './requests.mjs'

const KEYS = await Promise.all(['ES256', 'PS256', 'EdDSA', 'Ed25519', 'ES384'].map(keyPair))
const id = ({ alg }) => idOf('signed', alg)

describe('signed requests', { concurrency: true }, () => {
  let provider

  before(async () => {
    const clients = KEYS.map((key) => ({
      client_id: id(key),
      backchannel_authentication_request_signing_alg: key.alg,
      jwks: key.jwks,
    }))
    provider = await Provider.start(clients)
  })
  after(() => provider?.stop())

  const config = (key) => configured(provider, id(key), openid.ClientSecretBasic(provider.client(id(key)).client_secret))

  for (const key of KEYS) {
    test(`${key.alg}: what is asked in a signed request yields tokens`, async () => {
      const client = await config(key)
      const asked = await send(client, await sign(provider, id(key), key))
      await provider.answer(asked.auth_req_id, 'allow')
      assertTokens(await collect(client, asked), id(key))
    })

    test(`${key.alg}: so does one that oauth4webapi signs, with all as texts and its client_id among them`, async () => {
      const client = await config(key)
      const parameters = { scope: 'openid', login_hint: 'alice', binding_message: 'Pay 12.50 EUR', requested_expiry: '60' }
      const signing = { key: key.key, kid: key.alg }
      const request = await oauth.issueRequestObject(client.serverMetadata(), { client_id: id(key) }, parameters, signing)
      const asked = await send(client, request)
      assert.equal(asked.expires_in, 60)
      await provider.answer(asked.auth_req_id, 'allow')
      assertTokens(await collect(client, asked), id(key))
    })

    test(`${key.alg}: a signed request is taken once`, async () => {
      const [client, request] = [await config(key), await sign(provider, id(key), key)]
      await send(client, request)
      await assert.rejects(send(client, request), refusal('invalid_request'))
    })

    test(`${key.alg}: whoever registered to sign must sign`, async () => {
      await assert.rejects(ask(await config(key)), refusal('invalid_request'))
    })
  }
})
