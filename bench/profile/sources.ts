import { existsSync, readFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Of the files that were looked for, by their URL; nothing where there is none. */
const maps = new Map<string, SourceMap | undefined>()

/** The file that a function was written in: what runs is put together of many, with a source map beside it. */
export function sourceOf({ url, lineNumber, columnNumber }: Profiler.ProfileNode['callFrame']): string {
  if (!url.startsWith('file:')) return url
  if (!maps.has(url)) maps.set(url, mapOf(fileURLToPath(url)))
  const entry = maps.get(url)?.findEntry(lineNumber, columnNumber)
  return entry && 'originalSource' in entry ? entry.originalSource : url
}

function mapOf(path: string): SourceMap | undefined {
  const file = `${path}.map`
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8')) as SourceMap['payload']) : undefined
}
