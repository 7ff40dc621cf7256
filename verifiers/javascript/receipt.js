// What a receipt proves: every signature, hash and time, in the order of docs/device-protocol.md ("Receipts").

import { MOST_BYTES, spelled } from './bytes.js'
import { hint, open, thumbprint } from './jws.js'
import { check } from './refused.js'
import { DECISION, PROMPT, RECEIPT, isPublished, phoneKey, shaped } from './shapes.js'

/** Clocks of two machines may differ by so many seconds. */
const TOLERANCE = 60

/**
 * Verifies all of a receipt, any time later.
 *
 * `approval` is `approval_receipt` of the token response, `keys` the realm's `/receipt-keys`, `now` seconds since 1970.
 * Returns what is proven: `subject`, `display`, `prompt`, `receivedAt`, `role` (`verified` or `device`), `level`, `key`.
 */
export async function verify({ approval, keys, issuer, client, authReqId, now }) {
  const texts = [approval?.prompt, approval?.decision, approval?.receipt]
  check(texts.every(isBounded), 'Signature')
  const expected = { issuer, client, hashes: await Promise.all(texts.map((text) => spelled(text))) }
  const receipt = await published(approval.receipt, 'adp-receipt+jwt', RECEIPT, keys)
  judgeReceipt(receipt, expected, await spelled('adp1-req', authReqId))
  const prompt = await published(approval.prompt, 'adp-prompt+jwt', PROMPT, keys, receipt.received_at)
  judgePrompt(prompt, expected, receipt)
  const { device, role } = phoneKey(hint(approval.decision, 'adp-decision+jwt').kid)
  const decision = shaped(await open(approval.decision, 'adp-decision+jwt', receipt.key), DECISION)
  check(decision.iss === device, 'Key')
  await judgeDecision(decision, expected, prompt)
  const byDevice = (await thumbprint(receipt.key)) === prompt.aud
  check(byDevice === (role === 'device'), 'Key')
  const { sub: subject, received_at: receivedAt, iat: made, level, key } = receipt
  const ordered = prompt.iat <= receivedAt && receivedAt < prompt.exp && receivedAt <= made
  check(ordered && made <= now + TOLERANCE, 'Times')
  return { subject, display: prompt.display, prompt, receivedAt, role, level, key }
}

/** Whether it is a text of a message's length that has bytes. Of one that is too long no letter is looked at. */
function isBounded(text) {
  return typeof text === 'string' && text.length <= MOST_BYTES && text.isWellFormed() && Buffer.byteLength(text) <= MOST_BYTES
}

/** What one of the published keys signed in its time, which had not ended when the decision was received. */
async function published(text, typ, shape, keys, received) {
  const { kid } = hint(text, typ)
  const known = keys.keys.filter(isPublished)
  const names = await Promise.all(known.map(thumbprint))
  const key = known[names.indexOf(kid)]
  check(key !== undefined, 'UnknownKey')
  const message = shaped(await open(text, typ, key), shape)
  const times = [message.iat, received ?? message.received_at]
  check(times.every((at) => key.not_before <= at && at <= key.not_after), 'KeyOutOfTime')
  return message
}

function judgeReceipt(receipt, { issuer, client, hashes: [prompt, decision] }, request) {
  check(receipt.v === 1, 'Version')
  check(receipt.iss === issuer, 'Issuer')
  check(receipt.aud === client, 'Client')
  check(receipt.req === request, 'Request')
  check(receipt.prompt === prompt && receipt.decision === decision, 'Other')
}

function judgePrompt(prompt, { issuer, client }, receipt) {
  check(prompt.v === 1, 'Version')
  check(prompt.iss === issuer, 'Issuer')
  check(prompt.client.id === client, 'Client')
  check(prompt.req === receipt.req, 'Request')
}

async function judgeDecision(decision, { issuer, hashes: [prompted] }, prompt) {
  check(decision.v === 1, 'Version')
  check(decision.aud === issuer, 'Issuer')
  const answers = decision.prompt === prompt.jti && decision.nonce === prompt.nonce && decision.ph === prompted
  check(answers && decision.dh === (await displayDigest(prompt.display)), 'Unanswered')
  check(decision.decision === 'approve', 'Denied')
}

function displayDigest(lines) {
  const parts = lines.flatMap(({ label, value }) => [label, value]).flatMap((text) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(Buffer.byteLength(text))
    return [length, text]
  })
  return spelled('adp1-display', ...parts)
}
