import { createHash } from 'node:crypto'
import { checkAll, duration, flag, oneOf, shown, wait, type Checks } from '../app/check.ts'
import { zoneName } from '../app/time-zone.ts'
import { LovageError } from '../base/errors.ts'
import type { Complain } from './cron-fields.ts'
import { cronSchedule } from './crontab.ts'
import type { Entry, Missed, Overlap } from './entry.ts'
import { intervalSchedule } from './every.ts'
import type { Schedule } from './schedule.ts'
import { solarSchedule } from './solar.ts'

/** One time of an entry. */
export interface Tick {
  /** What the schedule says, and what the tick is known by, in milliseconds since 1970. */
  readonly dueMs: number
  /** When it is to be sent: `dueMs` and its jitter. */
  readonly atMs: number
}

/** An entry that was read: what is due when. Every scheduler that reads the same entry has the same ticks. */
export interface Timetable {
  /** The entry's. */
  readonly name: string
  /** See `Schedule`. */
  readonly isElapsing: boolean
  readonly policy: Policy
  /** The first tick that is due after a moment, the moment itself not included. */
  next(afterMs: number): Tick
}

/** What becomes of ticks, as `EntryOptions` says it. */
export interface Policy {
  readonly overlap: Overlap
  readonly missed: Missed
  readonly expires: number | 'next' | undefined
  readonly isEnabled: boolean
  /** No tick is later than its due time by as much. */
  readonly jitterMs: number
}

const MAKE_IT = 'Make it with crontab(), every() or solar()'

interface Read {
  task: unknown
  crontab: Schedule
  every: Schedule
  solar: Schedule
  timezone: string
  jitter: number
  expires: number | 'next'
  overlap: Overlap
  missed: Missed
  enabled: boolean
}

/**
 * Reads an entry.
 * @param zone whose clocks count where the entry names none
 * @throws LovageError `SCHEDULE_INVALID`, which names the entry and its field
 */
export function readEntry(name: string, entry: Entry<unknown>, zone: string): Timetable {
  const complain: Complain = (field, problem, fix) =>
    new LovageError('SCHEDULE_INVALID', { entry: name, field, problem, fix })
  if (typeof entry !== 'object' || entry === null) {
    throw complain('entry', `is ${shown(entry)}`, MAKE_IT)
  }
  const checks: Checks<Read> = {
    task: (value) => value,
    crontab: (value) => cronSchedule(value, complain),
    every: intervalSchedule,
    solar: (value) => solarSchedule(value, complain),
    timezone: zoneName,
    jitter: duration,
    expires: (value) => (value === 'next' ? value : wait(value)),
    overlap: oneOf('allow', 'skip', 'queue'),
    missed: oneOf('once', 'skip', 'all'),
    enabled: flag,
  }
  const unknown = (field: string, fix: string): Error => complain(field, 'is no option of an entry', fix)
  const read = checkAll(entry, checks, { unknown, invalid: complain })
  const [schedule, other] = [read.crontab, read.every, read.solar].filter((each) => each !== undefined)
  if (!schedule || other) {
    throw complain('entry', other ? 'has two schedules' : 'has no schedule', MAKE_IT)
  }
  const { timezone = zone, jitter = 0, expires, overlap = 'allow', missed = 'once', enabled = true } = read
  return {
    name,
    isElapsing: schedule.isElapsing ?? false,
    policy: { overlap, missed, expires, isEnabled: enabled, jitterMs: jitter },
    next(afterMs) {
      const dueMs = schedule.next(afterMs, timezone)
      return { dueMs, atMs: jitter === 0 ? dueMs : dueMs + Math.floor(share(`${name}\0${dueMs}`) * jitter) }
    },
  }
}

/** A number from 0 (included) to 1 (excluded): chance that every scheduler draws alike. */
function share(of: string): number {
  return createHash('sha1').update(of).digest().readUInt32BE() / 2 ** 32
}
