// The story that every combination tells: ask, let the phone answer, collect.

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'

import * as openid from 'openid-client'

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'

/** Asks for alice's consent. */
export function ask(config, parameters = {}) {
  return openid.initiateBackchannelAuthentication(config, {
    scope: 'openid',
    login_hint: 'alice',
    binding_message: 'Pay 12.50 EUR',
    ...parameters,
  })
}

/** Asks as a client that is told of the outcome; with the token by which it will be told. */
export async function askToBeTold(config, parameters = {}) {
  const token = randomUUID()
  return { token, asked: await ask(config, { client_notification_token: token, ...parameters }) }
}

/** Polls, as the library does, until there is an end. */
export function collect(config, asked) {
  // Not the request's own life, after which the library gives up before it has heard `expired_token`.
  return openid.pollBackchannelAuthenticationGrant(config, asked, undefined, { signal: AbortSignal.timeout(60_000) })
}

/** Polls once. */
export function pollOnce(config, asked) {
  return openid.genericGrantRequest(config, CIBA_GRANT, { auth_req_id: asked.auth_req_id })
}

/** Emits `sent` when the library calls, and each error that it is told, by name; `errors` has them all. */
export function overhear(config) {
  const fetch = config[openid.customFetch]
  const ear = Object.assign(new EventEmitter(), { errors: [] })
  config[openid.customFetch] = async (...call) => {
    const responding = fetch(...call)
    ear.emit('sent')
    const response = await responding
    const { error } = await response.clone().json()
    if (error) ear.errors.push(error), ear.emit(error)
    return response
  }
  return ear
}

/** The tokens are alice's, for this client; the library has checked signature, issuer, audience and times. */
export function assertTokens(tokens, client) {
  const claims = tokens.claims()
  assert.equal(claims.sub, '1001')
  assert.equal(claims.aud, client)
  assert.equal(tokens.token_type, 'bearer')
  assert.ok(tokens.expires_in > 0)
  assert.ok(claims.acr && claims.amr.length > 0 && claims.auth_time <= claims.iat)
}

/** The ping is a POST of nothing but the id (CIBA §10.2). */
export function assertPing(call, asked) {
  assert.equal(call.method, 'POST')
  assert.match(call.type, /^application\/json/)
  assert.deepEqual(call.body, { auth_req_id: asked.auth_req_id })
}

/** The claim by which an ID token belongs to a token beside it: the left half of its hash (CIBA §10.3.1). */
export function halfHash(token, algorithm = 'sha256') {
  const hash = createHash(algorithm).update(token).digest()
  return hash.subarray(0, hash.length / 2).toString('base64url')
}

/** For `assert.rejects`: the OP answers this error. */
export function refusal(error, status = 400) {
  return (thrown) => {
    assert.equal(thrown.error, error, thrown.stack)
    assert.equal(thrown.status, status)
    return true
  }
}

/** For `assert.rejects`: whoever this is, it is not the client. */
export const keptOut = refusal('invalid_client', 401)
