import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

const INLINE = /^data:application\/json[^,]*;base64,(.*)$/s

/**
 * `file:line:column`, counted from 1, of a place in a script, in the file that it was made from where the script has a
 * source map that can be read.
 * @param line counted from 0, as is `column`
 */
export function sourcePosition(url: string, sourceMapUrl: string, line: number, column: number): string {
  const origin = sourceMapUrl === '' ? undefined : originOf(url, sourceMapUrl, line, column)
  return origin ?? `${pathOf(url)}:${line + 1}:${column + 1}`
}

function originOf(url: string, sourceMapUrl: string, line: number, column: number): string | undefined {
  try {
    const inline = INLINE.exec(sourceMapUrl)?.[1]
    const base = url.startsWith('/') ? `file://${url}` : url
    const text =
      inline === undefined
        ? readFileSync(new URL(sourceMapUrl, base), 'utf8')
        : Buffer.from(inline, 'base64').toString('utf8')
    const found = new SourceMap(JSON.parse(text)).findEntry(line, column)
    if (!('originalSource' in found)) return undefined
    const source = pathOf(new URL(found.originalSource, base).href)
    return `${source}:${found.originalLine + 1}:${found.originalColumn + 1}`
  } catch {
    // A map that cannot be read: the place in the script itself is still true.
    return undefined
  }
}

function pathOf(url: string): string {
  try {
    return url.startsWith('file:') ? fileURLToPath(url) : url
  } catch {
    return url
  }
}
