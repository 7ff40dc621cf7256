// One call of one tool, as a detail of the type `agent_action` (docs/agents.md): its form, its digest, its lines. How texts
// may look is the provider's to judge; what it refused has no receipt.

import { spelled } from './bytes.js'
import { Refused } from './refused.js'

const TYPE = 'agent_action'
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/
const MOST_PARAMETERS = 16
const MOST_ITEMS = 8

/** Why something is no action: `Form`, `Name`, `Bounds` or `Digest`. */
export class BadAction extends Refused {}

const check = (holds, reason) => {
  if (!holds) throw new BadAction(reason)
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)
const isText = (value) => typeof value === 'string' && value.isWellFormed() && !/\p{Cc}/u.test(value)

function isValue(value) {
  if (Array.isArray(value)) return value.every(isText)
  if (typeof value === 'number') return Number.isInteger(value) && !Object.is(value, -0)
  return typeof value === 'boolean' || isText(value)
}

function isBounded(value) {
  if (Array.isArray(value)) return value.length >= 1 && value.length <= MOST_ITEMS
  return typeof value !== 'number' || Number.isSafeInteger(value)
}

/** `tool` and `parameters` of an action, in the one order that they are written in. */
export function judged(action) {
  const { tool, parameters } = isObject(action) ? action : {}
  check(isText(tool) && isObject(parameters), 'Form')
  const members = Object.entries(parameters).sort(([one], [other]) => (one < other ? -1 : 1))
  check(members.every(([, value]) => isValue(value)), 'Form')
  check(members.length <= MOST_PARAMETERS, 'Bounds')
  check(members.every(([name]) => NAME.test(name)), 'Name')
  check(members.every(([, value]) => isBounded(value)), 'Bounds')
  return { parameters: Object.fromEntries(members), tool }
}

/** The text that the digest is over: JSON as RFC 8785 writes it. */
export function canonical(action) {
  return JSON.stringify(judged(action))
}

/** SHA-256 of it, in base64url. */
export function digest(action) {
  return spelled(canonical(action))
}

/** The detail by which an agent asks for an action; `agent` is its name, if it wants to say one. */
export async function detail({ tool, parameters }, agent) {
  const named = agent === undefined ? {} : { agent }
  return { type: TYPE, ...named, tool, parameters, digest: await digest({ tool, parameters }) }
}

/** Judges a detail: `agent`, `tool` and `parameters` of it. */
export async function parse(asked) {
  check(isObject(asked) && asked.type === TYPE && typeof asked.digest === 'string', 'Form')
  const { type: _, digest: told, agent, tool, parameters, ...others } = asked
  check(Object.keys(others).length === 0 && (!('agent' in asked) || isText(agent)), 'Form')
  check(/^[A-Za-z0-9_-]{43}$/.test(told), 'Form')
  const action = judged({ tool, parameters })
  check(told === (await digest(action)), 'Digest')
  return { agent, ...action }
}

/** What is shown of it on the phone. */
export function lines({ agent, tool, parameters }) {
  const line = (label, value) => ({ label, value })
  const named = agent === undefined ? [] : [line('Agent', agent)]
  const shown = Object.keys(parameters).sort().flatMap((name) => {
    const value = parameters[name]
    if (!Array.isArray(value)) return [line(`Parameter ${name}`, String(value))]
    return value.map((item, at) => line(`Parameter ${name} (${at + 1} of ${value.length})`, item))
  })
  return [line('What', 'Action by a software agent'), ...named, line('Tool', tool), ...shown]
}

/** Whether a line of an action could have this label. */
export const isLabel = (label) => ['What', 'Agent', 'Tool'].includes(label) || label.startsWith('Parameter ')

/** The names of all parameters that are not the same in both. */
export function differences(one, other) {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  const written = (parameters, name) => (Object.hasOwn(parameters, name) ? JSON.stringify(parameters[name]) : undefined)
  return [...names].filter((name) => written(one, name) !== written(other, name)).sort()
}
