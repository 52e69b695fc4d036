import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { LovageError } from '../../../base/errors.ts'

/** What the URL of an embedded broker says. */
export interface EmbeddedUrl {
  /** As it is shown. */
  readonly shown: string
  /** The data directory; undefined: the one of the project. */
  readonly home: string | undefined
  /** What is confirmed outlives a loss of power, not only of processes. */
  readonly sync: boolean
}

const FIX = 'Write embedded:// for the directory of the project, or embedded:///absolute/path; ?sync=false for no fsync'

/**
 * Reads `embedded://` and `embedded:///absolute/path`, each with `?sync=false` or without.
 * @throws LovageError `OPTION_INVALID`
 */
export function parseEmbeddedUrl(url: string): EmbeddedUrl {
  const found = /^embedded:(?:\/\/)?([^?#]*)(?:\?([^#]*))?/i.exec(url)
  const [, path = '', query = ''] = found ?? []
  let home: string
  try {
    home = decodeURIComponent(path)
  } catch {
    throw invalid(url, 'has a path with a broken escape')
  }
  if (home !== '' && !/^(\/|[a-z]:[/\\])/i.test(home)) throw invalid(url, 'has a path that is not absolute')
  let sync = true
  for (const [name, value] of new URLSearchParams(query)) {
    if (name !== 'sync' || !['true', 'false'].includes(value)) throw invalid(url, `has an option ${name}=${value}`)
    sync = value === 'true'
  }
  return { shown: url, home: home === '' ? undefined : resolve(home), sync }
}

/** `.lovage` beside the nearest package.json; without one, in the working directory. */
export function projectHome(from: string = process.cwd()): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, '.lovage')
    if (folder === dirname(folder)) return join(from, '.lovage')
  }
}

function invalid(url: string, problem: string): LovageError {
  return new LovageError('OPTION_INVALID', { option: url, where: 'the broker', problem: `${problem}. ${FIX}` })
}
