// Of which type the members of the three messages are (docs/device-protocol.md). One that is not is refused as a signature
// that does not hold (`Signature`), before anything is judged by it. Members that nothing is judged by are not looked at.

import { decode } from './bytes.js'
import { check } from './refused.js'

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)
const isText = (value) => typeof value === 'string'
const isLine = (value) => isObject(value) && isText(value.label) && isText(value.value)
const isOneOf = (...values) => (value) => values.includes(value)

/** Whole seconds of 64 bits. */
const isTime = (value) => Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63

/** A number of one byte, of which 1 alone is known. */
const isVersion = (value) => Number.isInteger(value) && value >= 0 && value <= 255

/** So many bytes in base64url. */
const isBytes = (length) => (value) => {
  try {
    return decode(value, length).length === length
  } catch {
    return false
  }
}

const isId = isBytes(16)
const isDigest = isBytes(32)

const isP256 = (value) => isObject(value) && value.kty === 'EC' && value.crv === 'P-256'
const isPublicKey = (value) => isP256(value) && isDigest(value.x) && isDigest(value.y) && !('d' in value)

/** Whether it is a key with its times: what else is published is none of a receipt's. */
export const isPublished = (value) => isPublicKey(value) && isTime(value.not_before) && isTime(value.not_after)

/** How well the phone's key is proven; each more than the one before. */
export const LEVELS = ['claimed', 'app', 'attested']

export const RECEIPT = {
  iss: isText,
  aud: isText,
  sub: isText,
  req: isDigest,
  prompt: isDigest,
  decision: isDigest,
  received_at: isTime,
  key: isPublicKey,
  level: isOneOf(...LEVELS),
  iat: isTime,
  v: isVersion,
}

export const PROMPT = {
  iss: isText,
  aud: isDigest,
  jti: isId,
  nonce: isId,
  iat: isTime,
  exp: isTime,
  v: isVersion,
  req: isDigest,
  client: (value) => isObject(value) && isText(value.id),
  authorization_details: Array.isArray,
  display: (value) => Array.isArray(value) && value.every(isLine),
}

export const DECISION = {
  iss: isId,
  aud: isText,
  v: isVersion,
  prompt: isId,
  nonce: isId,
  ph: isDigest,
  dh: isDigest,
  decision: isOneOf('approve', 'deny'),
}

/** The message, if its members are of these types. */
export function shaped(message, shape) {
  check(Object.entries(shape).every(([name, fits]) => fits(message[name])), 'Signature')
  return message
}

/** The phone and the role that a decision's `kid` names: exactly two parts. */
export function phoneKey(kid) {
  const [device, role, ...more] = kid.split('#')
  check(isId(device) && ['verified', 'device'].includes(role) && more.length === 0, 'Signature')
  return { device, role }
}
