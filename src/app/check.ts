import { milliseconds, type Duration } from '../base/duration.ts'

/** A value that cannot stand: what is wrong with it, and what to write instead. */
export class Unfit extends Error {
  readonly fix: string

  constructor(problem: string, fix: string) {
    super(problem)
    this.name = 'Unfit'
    this.fix = fix
  }
}

/** Turns a given value into the one that is used. @throws Unfit */
export type Check<T> = (value: unknown) => T

/** One check a name; names that are none of these are unknown. */
export type Checks<T> = { readonly [Name in keyof T]-?: Check<T[Name]> }

/** What becomes of a bad name or value: the caller knows what to call it and where it comes from. */
export interface Complaints {
  unknown(name: string, fix: string): Error
  invalid(name: string, problem: string, fix: string): Error
}

/**
 * Runs the check of each given name. Names that are undefined count as not given.
 * @throws what `complaints` make of the first that is wrong
 */
export function checkAll<T>(given: object, checks: Checks<T>, complaints: Complaints): Partial<T> {
  const result: Partial<T> = {}
  // By names alone: each call with options comes here, and a pair for each of them shows.
  for (const name of Object.keys(given)) {
    const value: unknown = given[name as keyof typeof given]
    if (!Object.hasOwn(checks, name)) throw complaints.unknown(name, didYouMean(name, Object.keys(checks)))
    if (value === undefined) continue
    const key = name as keyof T
    try {
      result[key] = checks[key](value)
    } catch (error) {
      if (!(error instanceof Unfit)) throw error
      throw complaints.invalid(name, error.message, error.fix)
    }
  }
  return result
}

/** The nearest of the known names, as advice. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = known
    .map((candidate) => ({ candidate, steps: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, steps }) => steps <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.steps - b.steps)[0]
  return near ? `Did you mean ${near.candidate}?` : `Use one of: ${known.join(', ')}`
}

/** The value in a few characters, for an error. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return `the function ${value.name || '(unnamed)'}`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : `an object`
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

export const flag: Check<boolean> = (value) => {
  if (typeof value === 'boolean') return value
  throw new Unfit(`must be true or false, and is ${shown(value)}`, 'Write true or false')
}

export const text: Check<string> = (value) => {
  if (typeof value === 'string' && value !== '') return value
  throw new Unfit(`must be a text that is not empty, and is ${shown(value)}`, 'Write a text')
}

/** AMQP's short string: names of queues, exchanges and routing keys. */
export const shortText: Check<string> = (value) => {
  const checked = text(value)
  if (Buffer.byteLength(checked) <= 255) return checked
  throw new Unfit(`is ${Buffer.byteLength(checked)} bytes long`, 'Use at most 255 bytes')
}

/** A {@link Duration} in milliseconds. */
export const duration: Check<number> = (value) => {
  try {
    return milliseconds(value as Duration)
  } catch {
    throw new Unfit(
      `must be a length of time, and is ${shown(value)}`,
      "Write a number of milliseconds, or a text like '250ms', '10s', '5m', '2h' or '1d'",
    )
  }
}

/** As {@link duration}, but not zero. */
export const wait: Check<number> = (value) => {
  const ms = duration(value)
  if (ms > 0) return ms
  throw new Unfit('must be longer than zero', "Write a length of time like '10s'")
}

export const date: Check<Date> = (value) => {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value
  throw new Unfit(`must be a Date, and is ${shown(value)}`, 'Write new Date(...)')
}

export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Check<number> {
  return (value) => {
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
    throw new Unfit(`must be a whole number ${range}, and is ${shown(value)}`, `Write a whole number ${range}`)
  }
}

export function oneOf<const T extends string>(...known: readonly T[]): Check<T> {
  const list = known.map((name) => `'${name}'`).join(' or ')
  return (value) => {
    if (known.includes(value as T)) return value as T
    const near = typeof value === 'string' ? didYouMean(value, known) : ''
    throw new Unfit(`must be ${list}, and is ${shown(value)}`, near.startsWith('Did') ? near : `Write ${list}`)
  }
}

export function listOf<T>(check: Check<T>, least = 0): Check<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new Unfit(`must be a list, and is ${shown(value)}`, 'Write a list: [...]')
    if (value.length < least) throw new Unfit('must not be empty', 'Name at least one')
    return Object.freeze(value.map(check))
  }
}

/** Steps from one word to the other: letters put in, taken out, replaced. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
