import { createRequire } from 'node:module'

/** Letters, digits and what else takes one column each, once colours are taken out. */
const PLAIN = /^[\x20-\x7e]*$/

// oxlint-disable-next-line no-control-regex
const STYLES = /\u001b\[[\d;]*m/g

let measure: ((text: string) => number) | undefined

/** Columns of a terminal that a text takes. What knows the width of every script takes 4 MiB: it is loaded at the first need. */
export function textWidth(text: string): number {
  const bare = text.replace(STYLES, '')
  if (PLAIN.test(bare)) return bare.length
  measure ??= (createRequire(import.meta.url)('string-width') as { default: (text: string) => number }).default
  return measure(text)
}
