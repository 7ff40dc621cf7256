// Compact JWS by P-256 and ES256, as docs/device-protocol.md ("Signatures") has them.

import { decode, encode, read, sha256 } from './bytes.js'
import { check } from './refused.js'

const P256 = { name: 'ECDSA', namedCurve: 'P-256' }
const ES256 = { name: 'ECDSA', hash: 'SHA-256' }

/** The thumbprint of a key (RFC 7638). */
export async function thumbprint({ x, y }) {
  return encode(await sha256(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y })))
}

/** The header of what is signed as this type: a way to look a key up, never a reason to trust it. */
export function hint(text, typ) {
  return refusing(() => {
    const parts = text.split('.')
    const header = read(decode(parts[0]))
    const holds = parts.length === 3 && header.typ === typ && header.alg === 'ES256' && !('crit' in header) && !('jwk' in header)
    check(holds && typeof header.kid === 'string', 'Signature')
    return header
  })
}

/** The payload of a text that this key signed as this type. */
export async function open(text, typ, jwk) {
  hint(text, typ)
  const [header, payload, signature] = text.split('.')
  const content = refusing(() => decode(payload))
  const key = await verifier(jwk)
  const signed = await crypto.subtle.verify(ES256, key, refusing(() => decode(signature, 64)), Buffer.from(`${header}.${payload}`))
  check(signed, 'Signature')
  const message = refusing(() => read(content))
  check(message !== null && typeof message === 'object' && !Array.isArray(message), 'Signature')
  return message
}

async function verifier(jwk) {
  const { kty, crv, x, y } = jwk ?? {}
  check(kty === 'EC' && crv === 'P-256' && !('d' in jwk), 'Signature')
  refusing(() => [x, y].map((coordinate) => decode(coordinate, 32)))
  try {
    return await crypto.subtle.importKey('jwk', { kty, crv, x, y }, P256, false, ['verify'])
  } catch {
    return check(false, 'Signature') // not a point of the curve
  }
}

function refusing(reads) {
  try {
    return reads()
  } catch {
    return check(false, 'Signature')
  }
}
