// Encodings and hashes, as docs/device-protocol.md ("Encodings") has them: each value has one spelling.

/** A message, and its text as it is signed, has at most so many bytes. */
export const MOST_BYTES = 16_384
const MOST_NESTING = 8

/** Base64url without padding. */
export function encode(bytes) {
  return Buffer.from(bytes).toString('base64url')
}

/** Strictly: no padding, no white space, no stray bits. */
export function decode(text, length) {
  if (typeof text !== 'string') throw new SyntaxError('not base64url')
  const bytes = Buffer.from(text, 'base64url')
  if (encode(bytes) !== text || (length !== undefined && bytes.length !== length)) throw new SyntaxError('not base64url')
  return new Uint8Array(bytes)
}

/** SHA-256 of texts (as UTF-8) and bytes, one after the other. */
export async function sha256(...parts) {
  const whole = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole))
}

/** The same, spelled. */
export async function spelled(...parts) {
  return encode(await sha256(...parts))
}

/** JSON of bounded size and depth, valid UTF-8, with no member twice and no number beyond a double. */
export function read(bytes) {
  if (bytes.length > MOST_BYTES) throw new SyntaxError('too large')
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  const value = JSON.parse(text, (name, value) => {
    const texts = typeof value === 'string' ? [name, value] : [name]
    if (value === Infinity || value === -Infinity || !texts.every((text) => text.isWellFormed())) {
      throw new SyntaxError('a number or a text that cannot be represented')
    }
    return value
  })
  checkMembers(text)
  return value
}

/** Two readers that disagree on a member that stands there twice disagree on what was signed. The text is sound JSON. */
function checkMembers(text) {
  const open = []
  for (const [token, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[[\]{}]/gs)) {
    if (colon) {
      const name = JSON.parse(string)
      if (open.at(-1).has(name)) throw new SyntaxError('a member twice')
      open.at(-1).add(name)
    } else if (token === '{' || token === '[') {
      if (open.push(new Set()) > MOST_NESTING) throw new SyntaxError('nested too deep')
    } else if (token === '}' || token === ']') {
      open.pop()
    }
  }
}
