import { styleText } from 'node:util'
import { textWidth } from './text-width.ts'

type Style = Parameters<typeof styleText>[0]

/** Text in a colour, or the text alone where colours are not wanted. */
export type Paint = (style: Style, text: string) => string

/** Colours for `stream`: on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `FORCE_COLOR` turns them on. */
export function paintFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  if (!wantsColor(stream, env)) return (_style, text) => text
  // Newer Nodes look at stdout by themselves, and here it may be stderr that is painted.
  const options = { validateStream: false } as const
  return (style, text) => styleText(style, text, options)
}

/**
 * `text` with control characters shown as `\x1b`: what comes from messages and requests must not move the cursor of the
 * one who reads the log.
 */
export function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

/** `text` padded with spaces to `width` columns of a terminal. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'right'): string {
  const gap = ' '.repeat(Math.max(0, width - textWidth(text)))
  return side === 'right' ? text + gap : gap + text
}

/** Rows in columns, two spaces apart. The columns named in `right` are flush right. */
export function columns(
  rows: readonly (readonly string[])[],
  { right = [] }: { right?: readonly number[] } = {},
): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, textWidth(cell))
  return rows.map((row) =>
    row
      .map((cell, index) => pad(cell, widths[index] ?? 0, right.includes(index) ? 'left' : 'right'))
      .join('  ')
      .trimEnd(),
  )
}

/** A length of time as people read it: `0.42 ms`, `13 ms`, `1.24 s`, `3 min 5 s`. */
export function shownMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`
  const seconds = Math.round(ms / 1_000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

function wantsColor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0'
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}
