// The FAPI-CIBA profile: signed requests, keys or certificates, and tokens that are bound to the certificate which collected them.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, test } from 'node:test'

import * as openid from 'openid-client'

import { CIBA_GRANT, assertPing, assertTokens, collect, keptOut, pollOnce, refusal } from './ciba.mjs'
import { Authority } from './certificates.mjs'
import { byKey, byName, byOwnCertificate, configured, configuredBy, idOf, keyPair } from './clients.mjs'
import { Notifications } from './notifications.mjs'
import { Provider } from './provider.mjs'
import { send, sign } from './requests.mjs'

const AUTHORITY = new Authority('Clients')
const ANOTHER = AUTHORITY.client('/CN=another')
const KEYS = await Promise.all(['PS256', 'ES256'].map(keyPair))
const MODES = ['poll', 'ping']

/** Each way of authenticating, by each kind of key: what is registered besides. */
const METHODS = KEYS.flatMap((key) => {
  const certificate = AUTHORITY.client('/CN=till')
  const own = AUTHORITY.selfSigned('/CN=own', key.alg === 'PS256' ? 'rsa' : 'ec')
  const ways = [
    { ...byKey(key), certificate },
    byName(certificate, { tls_client_auth_subject_dn: 'CN=till' }),
    byOwnCertificate(own),
  ]
  return ways.map((way) => ({ ...way, key, name: idOf(way.name, key.alg), metadata: signing(way.metadata, key) }))
})

function signing(metadata, { alg, jwks }) {
  const keys = [...jwks.keys, ...(metadata.jwks?.keys ?? []).filter((jwk) => jwk.kid === undefined)]
  const signed = { backchannel_authentication_request_signing_alg: alg, id_token_signed_response_alg: alg }
  return { ...metadata, ...signed, jwks: { keys }, grant_types: [CIBA_GRANT, 'refresh_token'] }
}

describe('the FAPI profile', { concurrency: true }, () => {
  let provider, notifications

  before(async () => {
    notifications = await Notifications.listen({ certificate: AUTHORITY.server() })
    const told = {
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint: notifications.url,
    }
    const clients = METHODS.flatMap(({ name, metadata }) => [
      { client_id: idOf('poll', name), ...metadata },
      { client_id: idOf('ping', name), ...told, ...metadata },
    ])
    provider = await Provider.secured(clients, AUTHORITY, '--fapi')
  })
  after(async () => {
    await provider?.stop()
    notifications.close()
    AUTHORITY.remove()
  })

  /** A request of this client; the token by which it is told is of use in ping mode only. */
  const begun = async (client, id, key, parameters) => {
    const token = crypto.randomUUID()
    const request = await sign(provider, id, key, { client_notification_token: token, ...parameters })
    return { token, asked: await send(client, request) }
  }

  const approved = async (method) => {
    const id = idOf('poll', method.name)
    const client = await configuredBy(provider, id, method)
    const { asked } = await begun(client, id, method.key)
    await provider.answer(asked.auth_req_id, 'allow')
    return { client, tokens: await collect(client, asked) }
  }

  for (const method of METHODS) {
    for (const mode of MODES) {
      const id = idOf(mode, method.name)
      const concluded = async (action) => {
        const client = await configuredBy(provider, id, method)
        const { asked, token } = await begun(client, id, method.key)
        await provider.answer(asked.auth_req_id, action)
        if (mode === 'ping') assertPing(await notifications.called(token), asked)
        return { client, asked }
      }

      test(`${id}: what is approved yields tokens, once`, async () => {
        const { client, asked } = await concluded('allow')
        assertTokens(await collect(client, asked), id)
        await assert.rejects(pollOnce(client, asked), refusal('invalid_grant'))
      })

      test(`${id}: what is denied answers access_denied`, async () => {
        const { client, asked } = await concluded('deny')
        await assert.rejects(collect(client, asked), refusal('access_denied'))
      })

      test(`${id}: what nobody answers ends in expired_token`, async () => {
        const client = await configuredBy(provider, id, method)
        const { asked, token } = await begun(client, id, method.key, { requested_expiry: 10 })
        if (mode === 'ping') assertPing(await notifications.called(token), asked)
        await assert.rejects(collect(client, asked), refusal('expired_token'))
      })
    }

    test(`${method.name}: the access token opens userinfo with its certificate, and with no other`, async () => {
      const { client, tokens } = await approved(method)
      assert.equal((await openid.fetchUserInfo(client, tokens.access_token, '1001')).sub, '1001')
      for (const certificate of [ANOTHER, undefined]) {
        const thief = await configured(provider, 'thief', openid.None(), { certificate })
        await assert.rejects(openid.fetchUserInfo(thief, tokens.access_token, '1001'), (thrown) => {
          assert.equal(thrown.cause[0]?.parameters.error, 'invalid_token', thrown.stack)
          return thrown.status === 401
        })
      }
    })

    test(`${method.name}: refreshing takes the same refresh token again, and the new token is bound too`, async () => {
      const { client, tokens } = await approved(method)
      const refreshed = await openid.refreshTokenGrant(client, tokens.refresh_token)
      assert.equal(refreshed.claims().sub, '1001')
      assert.ok((await openid.refreshTokenGrant(client, tokens.refresh_token)).access_token)
      assert.equal((await openid.fetchUserInfo(client, refreshed.access_token, '1001')).sub, '1001')
    })

    test(`${method.name}: an unsigned request is refused`, async () => {
      const client = await configuredBy(provider, idOf('poll', method.name), method)
      const plain = { scope: 'openid', login_hint: 'alice', binding_message: 'Pay 12.50 EUR' }
      await assert.rejects(openid.initiateBackchannelAuthentication(client, plain), refusal('invalid_request'))
    })
  }

  test('a resource server learns to which certificate a token is bound', async () => {
    const [method] = METHODS
    const { tokens } = await approved(method)
    const audiences = [provider.described.issuer]
    const { client_id } = await provider.register({ ...method.metadata, grant_types: [], audiences })
    const resource = await configuredBy(provider, client_id, method)
    const told = await openid.tokenIntrospection(resource, tokens.access_token)
    const thumbprint = Buffer.from(new X509Certificate(method.certificate.cert).fingerprint256.replaceAll(':', ''), 'hex')
    assert.deepEqual(told.cnf, { 'x5t#S256': thumbprint.toString('base64url') })
  })

  const [byKeyOfPs256] = METHODS
  const keyed = idOf('poll', byKeyOfPs256.name)

  test('a refresh token that shows another certificate refreshes nothing', async () => {
    const { tokens } = await approved(byKeyOfPs256)
    const moved = await configuredBy(provider, keyed, { ...byKeyOfPs256, certificate: ANOTHER })
    await assert.rejects(openid.refreshTokenGrant(moved, tokens.refresh_token), refusal('invalid_grant'))
  })

  test('a client with a key that shows no certificate gets no tokens', async () => {
    const bare = await configuredBy(provider, keyed, { ...byKeyOfPs256, certificate: undefined })
    const { asked } = await begun(bare, keyed, byKeyOfPs256.key)
    await provider.answer(asked.auth_req_id, 'allow')
    await assert.rejects(collect(bare, asked), refusal('invalid_request'))
  })

  test('assertions and requests in RS256 are refused', async () => {
    const { privateKey: key } = await rs256Of(byKeyOfPs256.key)
    const weak = await configuredBy(provider, keyed, { ...byKeyOfPs256, authentication: () => openid.PrivateKeyJwt(key) })
    const { key: own } = byKeyOfPs256
    await assert.rejects(begun(weak, keyed, own), keptOut)
    const client = await configuredBy(provider, keyed, byKeyOfPs256)
    await assert.rejects(begun(client, keyed, { alg: 'RS256', key }), refusal('invalid_request'))
  })

  test("a request signed by another client's key is refused", async () => {
    const [, , , { key: es256 }] = METHODS
    const client = await configuredBy(provider, keyed, byKeyOfPs256)
    await assert.rejects(begun(client, keyed, es256), refusal('invalid_request'))
  })
})

/** The same RSA key, for RS256. */
async function rs256Of({ key }) {
  const jwk = await crypto.subtle.exportKey('jwk', key)
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const { alg, key_ops, ...bare } = jwk
  return { privateKey: await crypto.subtle.importKey('jwk', bare, algorithm, false, ['sign']) }
}
