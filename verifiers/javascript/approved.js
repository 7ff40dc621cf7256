// Whether a person approved exactly what is about to be done: one call, by the receipt alone.

import { BadAction, differences, isLabel, judged, lines, parse } from './action.js'
import { verify } from './receipt.js'
import { Refused, check } from './refused.js'
import { LEVELS } from './shapes.js'

/**
 * Whether this action was approved, and marks the approval as used: act if this returns, and once. Otherwise it throws
 * `Refused`.
 *
 * Beside what `verify` takes: `action` (`tool` and `parameters`), what is about to be done; `subject`, who alone may approve it,
 * or `null` for whomever the agent asked; `maxAge`, for how many seconds an approval counts; `userVerified`, whether the phone
 * must have verified the person; `level`, how well the phone's key must be proven at least (`app`, which is how well the provider
 * wants it by default before it says that the person was verified; `attested`; or `claimed`, of which only the phone says where
 * it is); `used`, which remembers what was used, such as an `InMemory`.
 */
export async function redeem({ used, ...wanted }) {
  const approved = await judge(wanted)
  let first
  try {
    first = await used.take(approved.request, approved.until, wanted.now)
  } catch (cause) {
    throw Object.assign(new Refused('Unrecorded'), { cause })
  }
  check(first === true, 'Used')
  return approved
}

/**
 * The same, without looking at whether it was used: for who marks `request` as used by themselves before they act, such as in
 * a transaction.
 */
export async function judge({ approval, action, subject, maxAge, userVerified = true, level = 'app', ...expected }) {
  const { now, issuer, client, authReqId } = expected
  complain({ subject, maxAge, userVerified, level, now, issuer, client, authReqId })
  const about = judged(action)
  check(approval !== undefined && approval !== null, 'Missing')
  const proven = await verify({ approval, ...expected })
  const asked = await onlyAction(proven.prompt.authorization_details)
  check(asked.tool === about.tool, 'OtherTool')
  const names = differences(asked.parameters, about.parameters)
  if (names.length > 0) throw new Refused('OtherParameters', names)
  check(isShown(lines(asked), proven.display), 'NotShown')
  check(subject === null || subject === proven.subject, 'OtherSubject')
  check(!userVerified || proven.role === 'verified', 'NotVerified')
  check(LEVELS.indexOf(proven.level) >= LEVELS.indexOf(level), 'TooWeak')
  const until = proven.receivedAt + maxAge
  check(now <= until, 'TooOld')
  return { ...proven, agent: asked.agent, request: proven.prompt.req, until }
}

async function onlyAction(details) {
  check(Array.isArray(details) && details.length === 1, 'NoAction')
  try {
    return await parse(details[0])
  } catch (error) {
    if (error instanceof BadAction) throw new Refused('NoAction')
    throw error
  }
}

/** Whether the lines stand there together and in order, and no other has a label of theirs. */
function isShown(wanted, display) {
  const spelled = (lines) => JSON.stringify(lines.map(({ label, value }) => [label, value]))
  const labelled = ({ label }) => isLabel(label)
  return spelled(display.slice(display.findIndex(labelled), display.findLastIndex(labelled) + 1)) === spelled(wanted)
}

/** A call that forgot something must not pass for one that asks less. */
function complain({ subject, maxAge, userVerified, level, now, ...texts }) {
  if (subject !== null && typeof subject !== 'string') throw new TypeError('subject is a text, or null for anybody')
  if (!Number.isSafeInteger(maxAge) || !Number.isSafeInteger(now)) throw new TypeError('maxAge and now are whole seconds')
  if (typeof userVerified !== 'boolean') throw new TypeError('userVerified is true or false')
  if (!LEVELS.includes(level)) throw new TypeError(`level is one of ${LEVELS.join(', ')}`)
  for (const [name, text] of Object.entries(texts)) if (typeof text !== 'string') throw new TypeError(`${name} is a text`)
}

/** For so many seconds longer is remembered what was used, lest a clock that is set back, or a greater `maxAge`, lets it be used again. */
const LINGER = 3600

/**
 * Remembers in memory what was used, for one process. What was used before it started is unused to it. A record that lasts,
 * and is shared by all that act, is a table with a unique column: `take` inserts, and says whether that inserted a row.
 */
export class InMemory {
  #used = new Map()

  /** Whether the approval of this request was unused until now; an hour after `until` it may be forgotten. */
  take(request, until, now) {
    for (const [old, end] of this.#used) if (end + LINGER < now) this.#used.delete(old)
    if (this.#used.has(request)) return false
    this.#used.set(request, until)
    return true
  }
}
