// Whoever is not the client is kept out: by secret, by assertion, by certificate.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import * as openid from 'openid-client'

import { ask, keptOut, pollOnce } from './ciba.mjs'
import { Authority } from './certificates.mjs'
import { byKey, byName, byOwnCertificate, bySecret, configured, configuredBy, keyPair } from './clients.mjs'
import { Provider } from './provider.mjs'
import { PublishedKeys } from './published.mjs'

const AUTHORITY = new Authority('Clients')
const STRANGERS = new Authority('Clients') // of the same name, with another key
const TILL = AUTHORITY.client('/CN=till')
const SECRET = 'a secret that is long enough for a MAC'
const [OURS, OTHERS, PS256] = await Promise.all(['ES256', 'ES256', 'PS256'].map(keyPair))
const BOTH_KEYS = { keys: [...OURS.jwks.keys, ...PS256.jwks.keys] }

const CLIENTS = {
  basic: bySecret('client_secret_basic', SECRET, openid.ClientSecretBasic),
  mac: bySecret('client_secret_jwt', SECRET, openid.ClientSecretJwt),
  ours: byKey(OURS),
  others: byKey(OTHERS),
  ps256: withMetadata(byKey(PS256), { jwks: BOTH_KEYS, token_endpoint_auth_signing_alg: 'PS256' }),
  named: byName(TILL, { tls_client_auth_subject_dn: 'CN=till' }),
  host: byName(TILL, { tls_client_auth_san_dns: 'shop.example' }),
  own: byOwnCertificate(AUTHORITY.selfSigned('/CN=own')),
  rsa: byOwnCertificate(AUTHORITY.selfSigned('/CN=own', 'rsa')),
}

function withMetadata(method, more) {
  return { ...method, metadata: { ...method.metadata, ...more } }
}

describe('whoever is not the client', { concurrency: true }, () => {
  let provider, published

  before(async () => {
    published = await PublishedKeys.listen(AUTHORITY.server(), OURS.jwks)
    const publishing = { client_id: 'published', token_endpoint_auth_method: 'private_key_jwt', jwks_uri: published.url }
    const clients = Object.entries(CLIENTS).map(([id, { metadata }]) => ({ client_id: id, ...metadata }))
    provider = await Provider.secured([...clients, publishing], AUTHORITY)
  })
  after(async () => {
    await provider?.stop()
    published.close()
    AUTHORITY.remove()
    STRANGERS.remove()
  })

  for (const [id, method] of Object.entries(CLIENTS)) {
    test(`${id}: the client itself is let in`, async () => {
      assert.ok((await ask(await configuredBy(provider, id, method))).auth_req_id)
    })
  }

  /** Nobody is let in as this client by these credentials and this certificate. */
  const kept = (what, id, authentication, certificate) =>
    test(`${what} lets nobody in`, async () => {
      await assert.rejects(ask(await configured(provider, id, authentication, { certificate })), keptOut)
    })

  test('a wrong secret is told of the scheme', async () => {
    const impostor = await configured(provider, 'basic', openid.ClientSecretBasic('wrong'))
    // With its challenge (RFC 6749 §5.2), at which the library looks first.
    await assert.rejects(ask(impostor), (thrown) => thrown.status === 401 && thrown.cause[0].scheme === 'basic')
  })
  kept('the right secret by another method', 'basic', openid.ClientSecretPost(SECRET))
  kept('a MAC by the secret of a client that sends it', 'basic', openid.ClientSecretJwt(SECRET))
  kept('the secret itself, of a client that makes MACs', 'mac', openid.ClientSecretPost(SECRET))
  kept('a MAC by another secret', 'mac', openid.ClientSecretJwt(`${SECRET}.`))
  kept('no credentials', 'ours', openid.None())

  kept("another client's key", 'ours', openid.PrivateKeyJwt({ key: OTHERS.key, kid: 'ES256' }))
  kept('an assertion of another client', 'ours', asserting(OTHERS.key, { iss: 'others', sub: 'others' }))
  kept('an assertion about another client', 'ours', asserting(OURS.key, { sub: 'others' }))
  kept('an assertion for another provider', 'ours', asserting(OURS.key, { aud: 'https://op.example' }))
  kept('an assertion that has ended', 'ours', asserting(OURS.key, { iat: 1e9, nbf: 1e9, exp: 1e9 + 60 }))
  kept('an assertion without jti', 'ours', asserting(OURS.key, { jti: undefined }))
  kept('another algorithm than the registered one', 'ps256', openid.PrivateKeyJwt({ key: OURS.key, kid: 'ES256' }))
  kept('a key, of a client that shows a certificate', 'own', openid.PrivateKeyJwt(OURS.key))

  test('a key that the client publishes at its jwks_uri lets it in', async () => {
    const client = await configured(provider, 'published', openid.PrivateKeyJwt({ key: OURS.key, kid: 'ES256' }))
    assert.ok((await ask(client)).auth_req_id)
  })
  kept('a key that it does not publish', 'published', openid.PrivateKeyJwt({ key: PS256.key, kid: 'PS256' }))

  test('an assertion is taken once, at whatever endpoint', async () => {
    const again = await configured(provider, 'ours', asserting(OURS.key, { jti: 'the same' }))
    const asked = await ask(again)
    await assert.rejects(ask(again), keptOut)
    await provider.answer(asked.auth_req_id, 'allow')
    await assert.rejects(pollOnce(again, asked), keptOut)
    const anew = await configuredBy(provider, 'ours', CLIENTS.ours)
    assert.ok((await pollOnce(anew, asked)).id_token)
  })

  kept('no certificate', 'named', openid.TlsClientAuth())
  kept('a certificate of another name', 'named', openid.TlsClientAuth(), AUTHORITY.client('/CN=kiosk'))
  kept('the right name by another authority', 'named', openid.TlsClientAuth(), STRANGERS.client('/CN=till'))
  kept('the right name by nobody', 'named', openid.TlsClientAuth(), AUTHORITY.selfSigned('/CN=till'))
  kept('the right certificate of a client with a secret', 'basic', openid.TlsClientAuth(), TILL)
  kept('no certificate, of a client with its own', 'own', openid.TlsClientAuth())
  kept("another's own certificate", 'own', openid.TlsClientAuth(), AUTHORITY.selfSigned('/CN=own'))
  kept('a certificate that is vouched for, for its own', 'own', openid.TlsClientAuth(), TILL)
})

/** The library's assertion, with other claims. */
function asserting(key, claims) {
  const modify = (_header, payload) => Object.assign(payload, claims)
  return openid.PrivateKeyJwt({ key, kid: 'ES256' }, { [openid.modifyAssertion]: modify })
}
