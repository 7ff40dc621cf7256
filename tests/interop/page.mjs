// The code blocks of docs/relying-parties.md: what follows the language after ``` is a block's name.

import { readFileSync } from 'node:fs'

const PAGE = readFileSync(new URL('../../docs/relying-parties.md', import.meta.url), 'utf8')
const CHAPTERS = PAGE.split(/^## /m)
const BLOCKS = CHAPTERS.flatMap((chapter) =>
  [...chapter.matchAll(/^```(\S*) ?(.*)\n([^]*?)^```$/gm)].map(([, language, name, text]) => ({
    chapter: chapter.slice(0, chapter.indexOf('\n')),
    language,
    name,
    text,
  })),
)

/** Its chapters that need TLS, which other tests walk through than the rest. */
export const [KEYS, FAPI] = ['Keys and certificates', 'The FAPI profile']

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

/** The names of all programs of the chapters that are wanted. */
export const programs = (wanted) => named(wanted, ['js', 'python'])

/** The names of all commands there. */
export const commands = (wanted) => named(wanted, ['sh'])

function named(wanted, languages) {
  return BLOCKS.filter(({ chapter, language }) => wanted(chapter) && languages.includes(language)).map(({ name }) => name)
}

function position(name) {
  const position = BLOCKS.findIndex((block) => block.name === name)
  if (position < 0) throw new Error(`the page has no block \`${name}\``)
  return position
}
