import { existsSync, readdirSync } from 'node:fs'
import { dirname, basename, join } from 'node:path'

const SPECIAL = /[*?[]/

/** The files that a pattern of Python's glob names, sorted; `*`, `?` and `[a-z]` stand for no slash and no leading dot. */
export function globSync(pattern: string): string[] {
  if (!SPECIAL.test(pattern)) return existsSync(pattern) ? [pattern] : []
  const last = basename(pattern)
  const folders = SPECIAL.test(dirname(pattern)) ? globSync(dirname(pattern)) : [dirname(pattern)]
  if (!SPECIAL.test(last)) return folders.map((folder) => join(folder, last)).filter((path) => existsSync(path))
  const matches = matcher(last)
  return folders
    .flatMap((folder) =>
      entries(folder)
        .filter(matches)
        .map((name) => join(folder, name)),
    )
    .toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function matcher(pattern: string): (name: string) => boolean {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
    .replaceAll('[!', '[^')
  const expression = new RegExp(`^${source}$`)
  return (name) => expression.test(name) && (pattern.startsWith('.') || !name.startsWith('.'))
}
