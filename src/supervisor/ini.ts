import { LovageError } from '../base/errors.ts'

/** One value, and where it stands. */
export interface IniEntry {
  readonly value: string
  readonly file: string
  readonly line: number
  /** The directory of that file: what `%(here)s` means in it. */
  readonly here: string
}

export interface IniSection {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly entries: Map<string, IniEntry>
}

/** Sections in the order in which they were first met. */
export type Ini = Map<string, IniSection>

const COMMENT = [';', '#']

/** Its entries stand in for those that any section lacks. */
const FALLBACK = 'DEFAULT'

/**
 * Reads a file in the dialect of Python's RawConfigParser into `ini`, as supervisord sets it up: what is there already is
 * merged, a key given twice has its last value. Throws SUPERVISOR_CONFIG_INVALID.
 */
export function readIni(text: string, file: string, here: string, ini: Ini): void {
  let section: IniSection | undefined
  let key: string | undefined
  let keyIndent = Infinity
  /** The lines of the value that is being read. */
  let parts: string[] = []

  const settle = (): void => {
    const entry = key === undefined ? undefined : section?.entries.get(key)
    if (entry && key !== undefined) section?.entries.set(key, { ...entry, value: parts.join('\n').trimEnd() })
  }

  for (const [index, whole] of text.split(/\r\n|\r|\n/).entries()) {
    const line = index + 1
    const at = commentAt(whole)
    const value = (at === undefined ? whole : whole.slice(0, at)).trim()
    if (value === '') {
      // An empty line inside a value belongs to it; a comment does not.
      if (at === undefined && key !== undefined) parts.push('')
      continue
    }
    const indent = whole.search(/\S/)
    if (key !== undefined && indent > keyIndent) {
      parts.push(value)
      continue
    }
    settle()
    keyIndent = indent
    key = undefined
    const header = /^\[(.+)\]/.exec(value)?.[1]
    if (header !== undefined) {
      section = ini.get(header) ?? { name: header, file, line, entries: new Map() }
      ini.set(header, section)
      continue
    }
    const fail = (subject: string, problem: string, fix: string): never => {
      throw new LovageError('SUPERVISOR_CONFIG_INVALID', { at: `${file}:${line}`, file, line, subject, problem, fix })
    }
    if (!section) return fail(`'${value}'`, 'stands before the first section', 'Begin the file with [supervisord]')
    const found = /^(.*?)\s*[=:]\s*(.*)$/.exec(value)
    if (!found?.[1]) return fail(`[${section.name}] '${value}'`, 'is no setting', 'Write key=value')
    key = found[1].toLowerCase()
    parts = [(found[2] ?? '').trim()]
    section.entries.set(key, { value: '', file, line, here })
  }
  settle()
}

/** The entry of `key`, of the section or of `[DEFAULT]`. */
export function entryOf(ini: Ini, section: string, key: string): IniEntry | undefined {
  return ini.get(section)?.entries.get(key) ?? ini.get(FALLBACK)?.entries.get(key)
}

/** The names of all sections that hold settings of their own. */
export function sectionNames(ini: Ini): string[] {
  return [...ini.keys()].filter((name) => name !== FALLBACK)
}

/**
 * Where a comment begins, if there is one. A mark inside a line counts after white space only. Python looks for the first
 * of each mark, then for the second of each, and takes the first round that finds one: `a;b # c ; d` ends at `#`.
 */
function commentAt(line: string): number | undefined {
  if (COMMENT.includes(line.trim()[0] ?? '')) return 0
  let marks = COMMENT.map((mark) => ({ mark, at: -1 }))
  while (marks.length > 0) {
    marks = marks.map(({ mark, at }) => ({ mark, at: line.indexOf(mark, at + 1) })).filter(({ at }) => at >= 0)
    const starts = marks.filter(({ at }) => at === 0 || /\s/.test(line[at - 1] as string)).map(({ at }) => at)
    if (starts.length > 0) return Math.min(...starts)
  }
  return undefined
}
