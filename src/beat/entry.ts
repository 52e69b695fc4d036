import type { Duration } from '../base/duration.ts'
import type { CronFields } from './cron-fields.ts'
import type { SolarEvent, SolarTimes } from './solar.ts'

export interface EntryOptions {
  /** Whose clocks count, as `Asia/Shanghai`. Default: the application's. */
  timezone?: string
  /** Each tick comes later by a time of its own, shorter than this, so that many of one moment spread. Default: 0. */
  jitter?: Duration
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
