import type { Duration } from '../base/duration.ts'
import type { CronFields } from './cron-fields.ts'
import type { SolarEvent, SolarTimes } from './solar.ts'

/** When a tick comes while the run before has not ended. */
export type Overlap = 'allow' | 'skip' | 'queue'

/** What becomes of ticks that nobody sent within a minute of their time. */
export type Missed = 'once' | 'skip' | 'all'

export interface EntryOptions {
  /** Whose clocks count, as `Asia/Shanghai`. Default: the application's. */
  timezone?: string
  /** Each tick comes later by a time of its own, shorter than this, so that many of one moment spread. Default: 0. */
  jitter?: Duration
  /** Who has not started a tick so long after it was sent need not: `'next'` is until the next tick is due. Default: never. */
  expires?: Duration | 'next'
  /**
   * While the run before has not ended: send it all the same (`allow`), leave it out (`skip`), or wait with it (`queue`,
   * the 100 latest at most). The last two need results that any process can read. Default `'allow'`.
   */
  overlap?: Overlap
  /** After a time without a scheduler: send the last one (`once`), none (`skip`), or the 1,000 latest (`all`). Default `'once'`. */
  missed?: Missed
  /** False: it is kept, and never due. Default true. */
  enabled?: boolean
}

/** What is to be sent, and when: plain data, read when the schedule is made. */
export interface Entry<T> extends EntryOptions {
  readonly task: T
  readonly crontab?: string | CronFields
  readonly every?: Duration
  readonly solar?: SolarTimes
}

/**
 * An entry that is due by the clock and the calendar.
 * @param times five fields in a text (`'30 2 * * mon-fri'`: minute, hour, day of month, month, day of week), or fields by
 * name, as Celery's `crontab` takes them
 */
export function crontab<T>(times: string | CronFields, task: T, options: EntryOptions = {}): Entry<T> {
  return { ...options, task, crontab: times }
}

/** An entry that is due once in each interval: whole milliseconds or a text, 100 ms at least, counted from 1970, UTC. */
export function every<T>(interval: Duration, task: T, options: EntryOptions = {}): Entry<T> {
  return { ...options, task, every: interval }
}

/**
 * An entry that is due when the sun does something, once on each day on which it does.
 * @param lat degrees north of the equator, -89 to 89
 * @param lon degrees east of Greenwich, -180 to 180
 */
export function solar<T>(event: SolarEvent, lat: number, lon: number, task: T, options: EntryOptions = {}): Entry<T> {
  return { ...options, task, solar: { event, lat, lon } }
}
