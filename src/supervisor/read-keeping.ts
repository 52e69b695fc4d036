import type { GroupConfig, KeepingConfig, ReadyConfig } from './configuration.ts'
import type { Expansions } from './expand.ts'
import { sectionNames } from './ini.ts'
import type { SectionReader } from './section-reader.ts'
import { readInteger, readList } from './values.ts'

const READY_WAIT_S = 60
const DRAIN_WAIT_S = 300

/** Reads the options of a program that supervisord does not know and leaves alone. */
export function readKeeping(reader: SectionReader, section: string, more: Expansions): KeepingConfig {
  const positive = (text: string): number => {
    const seconds = readInteger(text)
    if (seconds < 1) throw new Error(`is less than 1: ${seconds}`)
    return seconds
  }
  return {
    ready: reader.value<ReadyConfig | null>(section, 'ready', readReady, null, more),
    readywaitsecs: reader.value(section, 'readywaitsecs', positive, READY_WAIT_S, more),
    drain: reader.text(section, 'drain', more) ?? null,
    drainwaitsecs: reader.value(section, 'drainwaitsecs', positive, DRAIN_WAIT_S, more),
    stopGuard: reader.text(section, 'stop_guard', more) ?? null,
    dependsOn: reader.value(section, 'depends_on', readList, [], more),
  }
}

const READY_FORMS =
  'startsecs, exit, tcp://host:port, unix:///path, http://host:port/path, log:<regular expression> or command:<command>'

/** `tcp://127.0.0.1:8000`, `http://127.0.0.1:8000/health`, `log:listening`, `command:...`; null: as startsecs has it. */
export function readReady(given: string): ReadyConfig | null {
  const text = given.trim()
  const [, word = '', rest = ''] = /^([a-z]+)(?::(.*))?$/s.exec(text) ?? []
  if (text === 'startsecs') return null
  if (text === 'exit') return { kind: 'exit' }
  if (word === 'tcp') {
    const [, host = '', digits] = /^\/\/(.+):(\d{1,5})$/.exec(rest) ?? []
    const port = Number(digits)
    if (port >= 1 && port <= 0xffff) return { kind: 'tcp', host: host.replace(/^\[(.*)\]$/, '$1'), port }
  }
  if (word === 'unix' && /^\/\/\/./.test(rest)) return { kind: 'unix', path: rest.slice(2) }
  if ((word === 'http' || word === 'https') && URL.canParse(text)) return { kind: 'http', url: text }
  if (word === 'command' && rest.trim() !== '') return { kind: 'command', command: rest.trim() }
  if (word === 'log' && rest !== '') {
    try {
      return { kind: 'log', pattern: new RegExp(rest, 'u').source }
    } catch (error) {
      throw new Error(`is no regular expression: ${(error as Error).message}`, { cause: error })
    }
  }
  throw new Error(`is none of these: '${text}'; write ${READY_FORMS}`)
}

/** Refuses what depends on nothing that is there, and on itself over others: it would never be started. */
export function checkDependencies(reader: SectionReader, groups: readonly GroupConfig[]): void {
  const wanted = new Map<string, readonly string[]>()
  const members = new Map<string, Set<string>>()
  for (const { name, processes } of groups) {
    const programs = new Set(processes.map(({ program }) => program))
    if (programs.size > 0) members.set(name, programs)
    for (const { program, dependsOn } of processes) wanted.set(program, dependsOn)
  }
  const known = new Set([...groups.map(({ name }) => name), ...wanted.keys()])
  const sectionOf = (program: string): string =>
    sectionNames(reader.ini).find(
      (name) => /^(program|fcgi-program|eventlistener):/.test(name) && name.endsWith(`:${program}`),
    ) ?? `program:${program}`
  const invalid = (program: string, problem: string, fix?: string): Error =>
    reader.invalid(sectionOf(program), 'depends_on', problem, fix)

  const done = new Set<string>()
  const visit = (program: string, path: readonly string[]): void => {
    if (path.includes(program)) {
      const circle = [...path.slice(path.indexOf(program)), program].join(' -> ')
      throw invalid(program, `waits for itself: ${circle}`, 'Take one of them out')
    }
    if (done.has(program)) return
    for (const word of wanted.get(program) ?? []) {
      if (!known.has(word)) {
        throw invalid(program, `names a program that is not there: ${word}`, 'Name a program or a group')
      }
      // One word may mean both a group and a program of it; the group has that program anyway.
      for (const next of members.get(word) ?? [word]) visit(next, [...path, program])
    }
    done.add(program)
  }
  for (const program of wanted.keys()) visit(program, [])
}
