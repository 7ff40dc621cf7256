// Signed authentication requests (CIBA §7.1.1): the library sends them, jose signs them.

import { randomUUID } from 'node:crypto'

import * as jose from 'jose'
import * as openid from 'openid-client'

/** A signed request of this client for alice's consent. */
export function sign(provider, client, { alg, key }, parameters = {}) {
  return new jose.SignJWT({ scope: 'openid', login_hint: 'alice', binding_message: 'Pay 12.50 EUR', ...parameters })
    .setProtectedHeader({ alg, kid: alg })
    .setIssuer(client)
    .setAudience(provider.described.issuer)
    .setIssuedAt()
    .setNotBefore('0s')
    .setExpirationTime('5m')
    .setJti(randomUUID())
    .sign(key)
}

/** Sends it. */
export function send(config, request) {
  return openid.initiateBackchannelAuthentication(config, { request })
}
