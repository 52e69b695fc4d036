import { statSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { findAccount, findGroup } from './accounts.ts'
import { LOG_LEVELS, type LogTarget, type ProcessRules, type SupervisorLogLevel } from './configuration.ts'

/** Each reads the text of one option and throws an Error that says what is wrong with it. */

export function readInteger(text: string): number {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) throw new Error(`is no whole number: '${text}'`)
  return Number(text)
}

const TRUE = ['yes', 'true', 'on', '1']
const FALSE = ['no', 'false', 'off', '0']

export function readBoolean(text: string): boolean {
  const word = text.toLowerCase()
  if (TRUE.includes(word)) return true
  if (FALSE.includes(word)) return false
  throw new Error(`is neither true nor false: '${text}'`)
}

export function readAutorestart(text: string): ProcessRules['autorestart'] {
  const word = text.toLowerCase()
  if (word === 'unexpected') return word
  if (!TRUE.includes(word) && !FALSE.includes(word)) throw new Error(`is not true, false or unexpected: '${text}'`)
  return TRUE.includes(word)
}

const UNITS: Readonly<Record<string, number>> = { kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

export function readByteSize(text: string): number {
  const [, digits, unit = ''] = /^\s*([-+]?\d+)\s*([kmg]b)?\s*$/i.exec(text) ?? []
  if (digits === undefined) throw new Error(`is no size: '${text}'; write a whole number, or one with KB, MB or GB`)
  return Number(digits) * (UNITS[unit.toLowerCase()] ?? 1)
}

/** The number of a signal given by number, name, or name without SIG. */
export function readSignal(text: string): number {
  const word = text.trim().toUpperCase()
  const signals: Readonly<Record<string, number>> = constants.signals
  const number = /^\d+$/.test(word) ? Number(word) : signals[word.startsWith('SIG') ? word : `SIG${word}`]
  if (number === undefined || !Object.values(signals).includes(number)) throw new Error(`is no signal: '${text}'`)
  return number
}

/** `SIGTERM` for 15. */
export function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`
}

export function readExitcodes(text: string): number[] {
  if (text === '') return []
  return text.split(',').map((part) => {
    if (!/^\s*\d+\s*$/.test(part) || Number(part) > 255)
      throw new Error(`is no list of exit codes from 0 to 255: '${text}'`)
    return Number(part)
  })
}

export function readOctal(text: string): number {
  if (!/^\s*(0o)?[0-7]+\s*$/i.test(text)) throw new Error(`is no octal number: '${text}'`)
  return Number.parseInt(text.trim().replace(/^0o/i, ''), 8)
}

export function readList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((part) => part.trim())
}

export function readUser(text: string): number {
  const account = findAccount(text.trim())
  if (!account) throw new Error(`is no user of this machine: '${text}'`)
  return account.uid
}

/** `user`, or `user:group`. */
export function readOwner(text: string): [uid: number, gid: number] {
  const [user = '', group] = text.split(/:(.*)/s)
  const gid = group === undefined ? -1 : findGroup(group.trim())
  if (gid === undefined) throw new Error(`is no group of this machine: '${group}'`)
  return [readUser(user), gid]
}

/** Of a program, a group or a process. */
export function readName(text: string): string {
  const name = text.trim()
  const bad = /[ :/]/.exec(name)?.[0]
  if (bad !== undefined) throw new Error(`is no name: '${name}' has '${bad}' in it`)
  return name
}

export function readLogLevel(text: string): SupervisorLogLevel {
  const level = LOG_LEVELS.find((known) => known === text.toLowerCase())
  if (!level) throw new Error(`is no level: '${text}'; it may be ${LOG_LEVELS.join(', ')}`)
  return level
}

/** What `~` stands for. */
export interface Home {
  readonly home: string
}

function untilde(path: string, { home }: Home): string {
  if (path === '~' || path.startsWith('~/')) return home + path.slice(1)
  const [, user, rest = ''] = /^~([^/]+)(.*)$/s.exec(path) ?? []
  const account = user === undefined ? undefined : findAccount(user)
  return account ? account.home + rest : path
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

export function readDirectory(text: string, home: Home): string {
  const path = untilde(text, home)
  if (!isDirectory(path)) throw new Error(`is no directory that is there: '${text}'`)
  return path
}

/** A file that need not be there, in a directory that must. */
export function readFilePath(text: string, home: Home): string {
  const path = untilde(text, home)
  if (path.includes('/') && !isDirectory(dirname(path))) {
    throw new Error(`names a file in a directory that is not there: '${text}'`)
  }
  return path
}

export function readLogTarget(text: string, home: Home): LogTarget | 'syslog' {
  const word = text.toLowerCase()
  if (word === 'none' || word === 'off') return 'NONE'
  if (word === 'auto') return 'AUTO'
  if (word === 'syslog') return word
  return { path: readFilePath(text, home) }
}

/** `host:port`, `*:port`, `:port` or `port`; host '' is all addresses. */
export function readAddress(text: string): { host: string; port: number } {
  const [, host = '', digits = ''] = /^(?:(.*):)?([^:]*)$/s.exec(text.trim()) ?? []
  if (!/^\d+$/.test(digits) || Number(digits) < 1 || Number(digits) > 0xffff) {
    throw new Error(`is no address: '${text}'; write port, or host:port with a port from 1 to 65535`)
  }
  return { host: host === '*' ? '' : host.toLowerCase().replace(/^\[(.*)\]$/, '$1'), port: Number(digits) }
}
