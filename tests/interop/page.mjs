// The code blocks of docs/relying-parties.md: what follows the language after ``` is a block's name.

import { readFileSync } from 'node:fs'

const PAGE = readFileSync(new URL('../../docs/relying-parties.md', import.meta.url), 'utf8')
const BLOCKS = [...PAGE.matchAll(/^```(\S*) ?(.*)\n([^]*?)^```$/gm)].map(([, language, name, text]) => ({ language, name, text }))

/** The text of the block of this name. */
export function block(name) {
  return BLOCKS[position(name)].text
}

/** The reply that the page shows directly below this block. */
export function reply(name) {
  const next = BLOCKS[position(name) + 1]
  if (next?.language !== 'json') throw new Error(`the page shows no reply to \`${name}\``)
  return JSON.parse(next.text)
}

/** The names of all programs on the page. */
export const PROGRAMS = BLOCKS.filter(({ language }) => ['js', 'python'].includes(language)).map(({ name }) => name)

/** The names of all commands on the page. */
export const COMMANDS = BLOCKS.filter(({ language }) => language === 'sh').map(({ name }) => name)

function position(name) {
  const position = BLOCKS.findIndex((block) => block.name === name)
  if (position < 0) throw new Error(`the page has no block \`${name}\``)
  return position
}
