// The ways in which a client can authenticate without a certificate: what it registers, and what it says to the library.

import { randomBytes } from 'node:crypto'

import * as jose from 'jose'
import * as openid from 'openid-client'

/** Each with its name, the metadata it registers, and what makes the library authenticate by it. */
export function methods() {
  const secret = randomBytes(32).toString('base64url')
  return [
    bySecret('client_secret_basic', secret, openid.ClientSecretBasic),
    bySecret('client_secret_post', secret, openid.ClientSecretPost),
  ]
}

function bySecret(method, secret, authentication) {
  const metadata = { token_endpoint_auth_method: method, client_secret: secret }
  return { name: method, metadata, authentication: () => authentication(secret) }
}

/** A private key, and the JWKS that a client registers for it. */
export async function keyPair(alg) {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg)
  const jwk = { ...(await jose.exportJWK(publicKey)), kid: alg, alg, use: 'sig' }
  return { key: privateKey, jwks: { keys: [jwk] } }
}

/** The library, set up for a client of this provider; ID tokens are verified by the published keys. */
export async function configured(provider, id, authentication, metadata = {}) {
  const execute = [openid.allowInsecureRequests, openid.enableNonRepudiationChecks]
  return openid.discovery(provider.issuer, id, metadata, authentication, { execute })
}
