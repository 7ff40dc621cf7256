// The ways in which a client can authenticate: what it registers, what it says to the library, and the certificate it shows.

import { randomBytes } from 'node:crypto'

import * as jose from 'jose'
import * as openid from 'openid-client'

import { publicJwk } from './certificates.mjs'

/** All of them. Certificates that have to be vouched for are vouched for by this authority. */
export async function methods(authority) {
  const secret = randomBytes(32).toString('base64url')
  const keys = await Promise.all(['ES256', 'PS256', 'Ed25519'].map(keyPair))
  return [
    bySecret('client_secret_basic', secret, openid.ClientSecretBasic),
    bySecret('client_secret_post', secret, openid.ClientSecretPost),
    bySecret('client_secret_jwt', secret, openid.ClientSecretJwt),
    ...keys.map(byKey),
    byName(authority.client('/O=Shop/CN=till 7'), { tls_client_auth_subject_dn: 'CN=till 7,O=Shop' }),
    byOwnCertificate(authority.selfSigned('/CN=any')),
  ]
}

export function bySecret(method, secret, authentication) {
  const metadata = { token_endpoint_auth_method: method, client_secret: secret }
  return { name: method, metadata, authentication: () => authentication(secret) }
}

export function byKey({ alg, key, jwks }) {
  const metadata = { token_endpoint_auth_method: 'private_key_jwt', jwks }
  return { name: `private_key_jwt ${alg}`, metadata, authentication: () => openid.PrivateKeyJwt({ key, kid: alg }) }
}

export function byName(certificate, name) {
  const metadata = { token_endpoint_auth_method: 'tls_client_auth', ...name }
  return { name: 'tls_client_auth', metadata, certificate, authentication: openid.TlsClientAuth }
}

export function byOwnCertificate(certificate) {
  const metadata = { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [publicJwk(certificate)] } }
  return { name: 'self_signed_tls_client_auth', metadata, certificate, authentication: openid.TlsClientAuth }
}

/** A private key, and the JWKS that a client registers for it. */
export async function keyPair(alg) {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await jose.exportJWK(publicKey)), kid: alg, alg, use: 'sig' }
  return { alg, key: privateKey, jwks: { keys: [jwk] } }
}

/** A client's id, out of what it is there for. */
export const idOf = (...words) => words.join(' ').replaceAll(/[^A-Za-z0-9]+/g, '-')

/**
 * The library, set up for a client of this provider; ID tokens are verified by the published keys. With a certificate it
 * calls where that is asked for.
 */
export async function configured(provider, id, authentication, { certificate, metadata = {} } = {}) {
  const execute = [openid.enableNonRepudiationChecks]
  if (provider.issuer.protocol === 'http:') execute.push(openid.allowInsecureRequests)
  const options = { execute, [openid.customFetch]: provider.showing(certificate) }
  const aliases = { use_mtls_endpoint_aliases: certificate !== undefined, ...metadata }
  return openid.discovery(provider.issuer, id, aliases, authentication, options)
}

/** The same by a method's name for everything. */
export function configuredBy(provider, id, { authentication, certificate }, metadata) {
  return configured(provider, id, authentication(), { certificate, metadata })
}
