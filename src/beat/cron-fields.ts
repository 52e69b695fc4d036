import { didYouMean, shown, Unfit } from '../app/check.ts'

/** One field of a crontab, as Celery takes it: a number, a list of numbers, or a text like `'1-5,20-40/5'`. */
export type CronField = number | string | readonly number[]

/** The fields of a crontab, under Celery's names. One that is not given is `'*'`. */
export interface CronFields {
  /** 0 to 59. */
  minute?: CronField
  /** 0 to 23. */
  hour?: CronField
  /** 0 (Sunday) to 6, or names: `'mon-fri'`. */
  dayOfWeek?: CronField
  /** 1 to 31. */
  dayOfMonth?: CronField
  /** 1 to 12, or names: `'jan,jul'`. */
  monthOfYear?: CronField
}

/** The numbers that each field stands for. */
export type CronSets = { readonly [Name in keyof CronFields]-?: ReadonlySet<number> }

interface Kind {
  readonly least: number
  readonly most: number
  /** In the order of their numbers. */
  readonly names?: readonly string[]
}

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const MONTHS = 'january february march april may june july august september october november december'.split(' ')

/** In the order of a cron string. */
const KINDS: { readonly [Name in keyof CronSets]: Kind } = {
  minute: { least: 0, most: 59 },
  hour: { least: 0, most: 23 },
  dayOfMonth: { least: 1, most: 31 },
  monthOfYear: { least: 1, most: 12, names: MONTHS },
  dayOfWeek: { least: 0, most: 6, names: DAYS },
}

const NAMES = Object.keys(KINDS) as (keyof CronSets)[]

/** What is wrong with one field. */
export type Complain = (field: string, problem: string, fix: string) => Error

/**
 * Reads a crontab: five fields in one text (minute, hour, day of month, month, day of week), or fields by name.
 * @throws what `complain` makes of the first that is wrong
 */
export function readCron(given: unknown, complain: Complain): CronSets {
  const fields = typeof given === 'string' ? fieldsOf(given, complain) : given
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw complain('crontab', `is ${shown(given)}`, "Write five fields, as '30 2 * * mon-fri', or an object of fields")
  }
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(KINDS, name)) throw complain(name, 'is no field of a crontab', didYouMean(name, NAMES))
  }
  const sets = NAMES.map((name) => {
    const value: unknown = (fields as CronFields)[name] ?? '*'
    try {
      return [name, setOf(value, KINDS[name])] as const
    } catch (error) {
      if (!(error instanceof Unfit)) throw error
      throw complain(name, error.message, error.fix)
    }
  })
  return Object.fromEntries(sets) as CronSets
}

function fieldsOf(text: string, complain: Complain): CronFields {
  const parts = text.trim().split(/\s+/)
  if (parts.length === NAMES.length) return Object.fromEntries(NAMES.map((name, index) => [name, parts[index]]))
  const problem = `is ${shown(text)}, which has ${parts.length} fields`
  throw complain('crontab', problem, 'Write five: minute, hour, day of month, month, day of week')
}

function setOf(value: unknown, kind: Kind): ReadonlySet<number> {
  const set = new Set<number>()
  if (typeof value === 'string') {
    for (const part of value.split(',')) for (const number of partOf(part.trim(), value, kind)) set.add(number)
    return set
  }
  const numbers: readonly unknown[] = Array.isArray(value) ? value : [value]
  for (const number of numbers) {
    if (typeof number !== 'number')
      throw new Unfit(`has ${shown(number)}`, "Write a number, numbers, or a text like '*/5'")
    set.add(inBounds(number, kind))
  }
  if (set.size === 0) throw new Unfit('is an empty list', "Write at least one number, or '*'")
  return set
}

/** `*`, `5`, `mon-fri`, the last two with a step or without. */
const PART = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\w+))?$/

/** A step counts from the beginning of its range, one that wraps round its end too: `22-2/2` is 22, 0, 2. */
function partOf(part: string, whole: string, kind: Kind): number[] {
  const [found, star, first = '', last, step] = PART.exec(part) ?? []
  if (found === undefined) {
    const where = part === whole ? '' : ` in ${shown(whole)}`
    throw new Unfit(`has ${shown(part)}${where}`, "Write numbers, ranges, lists and steps: '0', '1-5', '1,15', '*/10'")
  }
  if (star) return stepped(range(kind.least, kind.most, kind), step)
  const from = numberOf(first, kind)
  if (last !== undefined) return stepped(range(from, numberOf(last, kind), kind), step)
  if (step === undefined) return [from]
  // Celery refuses it, and other crons differ in what they take it for.
  throw new Unfit(`has ${shown(part)}, a step without a range`, `Write the range: '${first}-${kind.most}/${step}'`)
}

function range(from: number, to: number, { least, most }: Kind): number[] {
  const count = to >= from ? to - from + 1 : most - from + 1 + (to - least + 1)
  return Array.from({ length: count }, (_, index) => {
    const number = from + index
    return number > most ? number - most - 1 + least : number
  })
}

function stepped(numbers: readonly number[], step: string | undefined): number[] {
  if (step === undefined) return [...numbers]
  const by = /^\d+$/.test(step) ? Number(step) : 0
  if (by < 1) throw new Unfit(`has the step ${shown(step)}`, 'Write a step of 1 or more')
  return numbers.filter((_, index) => index % by === 0)
}

function numberOf(text: string, kind: Kind): number {
  if (/^\d+$/.test(text)) return inBounds(Number(text), kind)
  const word = text.toLowerCase()
  const index = (kind.names ?? []).findIndex((name) => name === word || name.slice(0, 3) === word)
  if (index >= 0) return index + kind.least
  const fix = kind.names ? didYouMean(word, kind.names) : `Write numbers from ${kind.least} to ${kind.most}`
  throw new Unfit(`has ${shown(text)}`, fix)
}

function inBounds(number: number, { least, most, names }: Kind): number {
  if (Number.isInteger(number) && number >= least && number <= most) return number
  const sunday = names === DAYS && number === 7 ? '; Sunday is 0, as in Celery' : ''
  throw new Unfit(`has ${number}`, `Write whole numbers from ${least} to ${most}${sunday}`)
}
