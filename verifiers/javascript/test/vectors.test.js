// The published vectors, and what only this package promises.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { BadAction, InMemory, Refused, canonical, detail, digest, judge, lines, parse, redeem, verify } from '../index.js'

const read = (name) => JSON.parse(readFileSync(new URL(`../../../docs/device-protocol/vectors/${name}`, import.meta.url)))
const ACTIONS = read('actions.json')
const RECEIPTS = read('receipts.json')

/** What a call is given, with what a case has otherwise. */
function given(vectors, one) {
  const of = (name) => (name in one ? one[name] : vectors[name])
  return { approval: one.approval, keys: of('keys'), issuer: of('issuer'), client: of('client'), authReqId: of('auth_req_id'), now: of('now') }
}

function wanted(one) {
  const of = (name) => (name in one ? one[name] : ACTIONS[name])
  const more = { action: of('action'), subject: of('subject'), maxAge: of('max_age'), userVerified: of('user_verified'), level: of('level') }
  return { ...given(ACTIONS, one), ...more }
}

/** Why it is refused, or null. */
async function refusal(call) {
  try {
    await call
    return null
  } catch (error) {
    if (error instanceof Refused) return error
    throw error
  }
}

test('a receipt proves what the vectors say and nothing else', async () => {
  assert.ok(RECEIPTS.cases.length > 40)
  for (const one of RECEIPTS.cases) {
    const refused = await refusal(verify(given(RECEIPTS, one)))
    assert.equal(refused?.reason ?? null, one.reason, one.name)
  }
})

test('what is an action has one spelling, one digest and its lines', async () => {
  assert.ok(ACTIONS.accepted.length >= 9)
  for (const one of ACTIONS.accepted) {
    const { agent, ...action } = await parse(one.detail)
    assert.equal(canonical(action), one.canonical, one.name)
    assert.equal(await digest(action), one.detail.digest, one.name)
    assert.deepEqual(lines({ agent, ...action }), one.lines, one.name)
    assert.deepEqual(await detail(action, agent), one.detail, one.name)
  }
})

test('what is no action is refused for its reason', async () => {
  assert.ok(ACTIONS.refused.length > 30)
  for (const one of ACTIONS.refused) {
    assert.equal((await refusal(parse(one.detail)))?.reason, one.error, one.name)
  }
})

test('an approval is of this action, or refused for its reason', async () => {
  assert.ok(ACTIONS.cases.length > 30)
  for (const one of ACTIONS.cases) {
    const refused = await refusal(judge(wanted(one)))
    assert.equal(refused?.reason ?? null, one.reason, one.name)
    if (one.names) assert.deepEqual(refused.names, one.names, one.name)
  }
})

test('an approval is used once, and what is refused uses nothing', async () => {
  const good = wanted(ACTIONS.cases[0])
  const used = new InMemory()
  const other = await refusal(redeem({ ...good, used, action: { tool: 'lights.off', parameters: {} } }))
  assert.equal(other.reason, 'OtherTool')
  const approved = await redeem({ ...good, used })
  assert.deepEqual([approved.agent, approved.subject, approved.role], ['Household helper', ACTIONS.subject, 'verified'])
  assert.equal((await refusal(redeem({ ...good, used }))).reason, 'Used')
  const all = Array.from({ length: 8 }, () => refusal(redeem({ ...good, used: SHARED })))
  assert.equal((await Promise.all(all)).filter((refused) => refused === null).length, 1)
})

const SHARED = new InMemory()

test('what cannot be marked as used is refused', async () => {
  const good = wanted(ACTIONS.cases[0])
  const broken = { take: () => Promise.reject(new Error('no database')) }
  assert.equal((await refusal(redeem({ ...good, used: broken }))).reason, 'Unrecorded')
  for (const answer of [undefined, 1, 'no']) {
    assert.equal((await refusal(redeem({ ...good, used: { take: () => answer } }))).reason, 'Used', String(answer))
  }
})

test('the record in memory forgets what is too old to be used', () => {
  const used = new InMemory()
  assert.deepEqual([used.take('one', 10, 0), used.take('one', 10, 3610), used.take('one', 10, 3611)], [true, false, true])
})

test('a call that forgets something is a mistake, not a lesser demand', async () => {
  const good = wanted(ACTIONS.cases[0])
  for (const forgotten of ['subject', 'maxAge', 'now', 'issuer', 'client', 'authReqId']) {
    const { [forgotten]: _, ...rest } = good
    await assert.rejects(judge(rest), TypeError, forgotten)
  }
  for (const userVerified of [null, 0, 1, 'false', '']) await assert.rejects(judge({ ...good, userVerified }), TypeError, String(userVerified))
  for (const level of [null, 0, '', 'App', 'surely']) await assert.rejects(judge({ ...good, level }), TypeError, String(level))
  const { userVerified: _, ...rest } = { ...good, ...given(ACTIONS, ACTIONS.cases.find((one) => one.name === 'by device')) }
  assert.equal((await refusal(judge(rest))).reason, 'NotVerified')
})

test('a key that is merely claimed is too weak, unless that is said to be enough', async () => {
  const { level: _, ...rest } = wanted(ACTIONS.cases.find((one) => one.name === 'by a claimed key'))
  assert.equal((await refusal(judge(rest))).reason, 'TooWeak')
  const used = new InMemory()
  assert.equal((await refusal(redeem({ ...rest, used }))).reason, 'TooWeak')
  assert.equal((await redeem({ ...rest, used, level: 'claimed' })).level, 'claimed')
})

test('what is about to be done must be an action, too', async () => {
  const good = wanted(ACTIONS.cases[0])
  for (const action of [undefined, null, {}, { tool: 'bank.transfer' }, { ...good.action, parameters: { to: { nested: 1 } } }]) {
    assert.equal((await refusal(judge({ ...good, action })))?.reason, 'Form')
  }
})

test('a number that is written in another way is no action', () => {
  for (const value of [-0, NaN, Infinity, 1n, undefined, null, new Date()]) {
    assert.throws(() => canonical({ tool: 't', parameters: { a: value } }), BadAction, String(value))
  }
  assert.throws(() => canonical({ tool: 't', parameters: { a: '\ud800' } }), BadAction)
})

test('JSON has whole numbers in several spellings, and a number is what was read', () => {
  const spelled = (number) => canonical(JSON.parse(`{"tool":"t","parameters":{"a":${number}}}`))
  for (const number of ['1250', '1250.0', '1.25e3']) assert.equal(spelled(number), '{"parameters":{"a":1250},"tool":"t"}', number)
  for (const number of ['-0', '-0.0', '1250.5']) assert.throws(() => spelled(number), BadAction, number)
})

test('what is published and is no key with whole times is passed over', async () => {
  const good = wanted(ACTIONS.cases[0])
  for (const bad of [undefined, null, '0', 1.5, true, NaN, Infinity, 2 ** 63, 5n, []]) {
    for (const member of ['not_before', 'not_after', 'x', 'kty']) {
      const damaged = good.keys.keys.map((key) => ({ ...key, [member]: bad }))
      const reason = async (...keys) => (await refusal(judge({ ...good, keys: { keys } })))?.reason
      assert.equal(await reason(...damaged), 'UnknownKey', `${member} ${String(bad)}`)
      assert.equal(await reason(...damaged, ...good.keys.keys), undefined, `${member} ${String(bad)}`)
    }
  }
})

test('of a text that is too long no letter is looked at', async () => {
  const good = wanted(ACTIONS.cases[0])
  const isWellFormed = String.prototype.isWellFormed
  for (const part of ['prompt', 'decision', 'receipt']) {
    const long = { ...good.approval, [part]: 'a'.repeat(10_000_000) }
    String.prototype.isWellFormed = function () {
      assert.ok(this.length <= 16_384)
      return isWellFormed.call(this)
    }
    try {
      assert.equal((await refusal(judge({ ...good, approval: long }))).reason, 'Signature', part)
    } finally {
      String.prototype.isWellFormed = isWellFormed
    }
  }
})

test('a signed text with a member twice is not believed', async () => {
  const { read } = await import('../bytes.js')
  const bytes = (text) => new TextEncoder().encode(text)
  assert.deepEqual(read(bytes('{"a":{"b":"}{"},"b":["a:",1]}')), { a: { b: '}{' }, b: ['a:', 1] })
  for (const text of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"b":[{"a":1 , "a" : 2}]}', '[[[[[[[[[1]]]]]]]]]', '1e999', '"\\ud800"']) {
    assert.throws(() => read(bytes(text)), SyntaxError, text)
  }
})
