import { readEntry } from '../../src/beat/timetable.ts'
import type { NumberCron } from './random-cron.ts'

export const MINUTE_MS = 60_000
export const DAY_MS = 86_400_000

/** What the clocks of a zone show at a moment, as a clock in UTC would have to stand. */
function clockOf(zone: string): (atMs: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' })
  return (atMs) => Date.parse(`${format.format(atMs).replace(' ', 'T')}Z`)
}

/** What the clocks of a zone show at one moment. */
export function shownIn(zone: string, atMs: number): number {
  return clockOf(zone)(atMs)
}

/** The moments, to the hour, before which the clocks of a zone are changed. */
export function changesOf(zone: string, fromMs: number, toMs: number): number[] {
  const clock = clockOf(zone)
  const changes: number[] = []
  for (let at = fromMs; at < toMs; at += DAY_MS) {
    if (clock(at + DAY_MS) - clock(at) === DAY_MS) continue
    const hour = MINUTE_MS * 60
    let change = at + hour
    while (clock(change) - clock(change - hour) === hour) change += hour
    changes.push(change)
  }
  return changes
}

/** What the clocks of one zone show, minute by minute. */
export class MinuteWalk {
  readonly zone: string
  readonly fromMs: number
  readonly toMs: number
  readonly #shown: Float64Array
  readonly #locals: LocalMinutes

  /** @param fromMs a whole minute; the day before it is walked too, so that what is shown again is known */
  constructor(zone: string, fromMs: number, toMs: number) {
    const clock = clockOf(zone)
    this.zone = zone
    this.fromMs = fromMs
    this.toMs = toMs
    this.#shown = Float64Array.from({ length: (toMs - fromMs + DAY_MS) / MINUTE_MS + 1 }, (_, index) =>
      clock(fromMs - DAY_MS + index * MINUTE_MS),
    )
    // Beside those that are shown: those that are skipped before the first.
    this.#locals = new LocalMinutes(Math.min(...extremes(this.#shown)) - MINUTE_MS, Math.max(...extremes(this.#shown)))
  }

  /** Every due time after the first moment up to the last, as the rules have it that the guide states. */
  due(cron: NumberCron): number[] {
    const has = this.#locals.matcher(cron)
    const isOfEveryHour = cron.hour.length === 24
    const due: number[] = []
    let latest = (this.#shown[0] as number) - MINUTE_MS
    this.#shown.forEach((shown, index) => {
      let isDue = false
      if (isOfEveryHour) isDue = has(shown)
      else for (let local = latest + MINUTE_MS; local <= shown && !isDue; local += MINUTE_MS) isDue = has(local)
      latest = Math.max(latest, shown)
      const at = this.fromMs - DAY_MS + index * MINUTE_MS
      if (isDue && at > this.fromMs) due.push(at)
    })
    return due
  }

  /** Whether the schedule says what the walk found: tick after tick, and asked at any moment. */
  judge(cron: NumberCron, random: () => number): { ticks: number; fault?: string } {
    const timetable = readEntry('random', { task: '', crontab: cron }, this.zone)
    const dues = this.due(cron)
    const ticks = dues.length
    const moments = Array.from({ length: 20 }, () => this.fromMs + Math.floor(random() * (this.toMs - this.fromMs)))
    for (const [index, after] of [this.fromMs, ...dues, ...moments].entries()) {
      const due = index <= ticks ? dues[index] : dues.find((one) => one > after)
      const next = timetable.next(after).dueMs
      if (due === undefined ? next > this.toMs : next === due) continue
      const what = `${this.zone} ${JSON.stringify(cron)} after ${iso(after)}`
      return { ticks, fault: `${what}: ${iso(next)} and not ${iso(due)}` }
    }
    return { ticks }
  }
}

/** Bits of the fields of one minute, packed: what each of a million looks at a date would work out anew. */
class LocalMinutes {
  readonly #fromLocal: number
  readonly #packed: Int32Array

  constructor(fromLocal: number, toLocal: number) {
    this.#fromLocal = fromLocal
    this.#packed = Int32Array.from({ length: (toLocal - fromLocal) / MINUTE_MS + 1 }, (_, index) => {
      const date = new Date(fromLocal + index * MINUTE_MS)
      const day = (date.getUTCMonth() << 8) | (date.getUTCDate() << 3) | date.getUTCDay()
      return (day << 11) | (date.getUTCHours() << 6) | date.getUTCMinutes()
    })
  }

  /** Whether the fields of a local minute are those of a crontab. */
  matcher(cron: NumberCron): (local: number) => boolean {
    const [minutes, hours] = [tableOf(cron.minute), tableOf(cron.hour)]
    const [days, months, weekdays] = [tableOf(cron.dayOfMonth), tableOf(cron.monthOfYear), tableOf(cron.dayOfWeek)]
    return (local) => {
      const fields = this.#packed[(local - this.#fromLocal) / MINUTE_MS] as number
      return (
        minutes[fields & 63] === 1 &&
        hours[(fields >> 6) & 31] === 1 &&
        weekdays[(fields >> 11) & 7] === 1 &&
        days[(fields >> 14) & 31] === 1 &&
        months[((fields >> 19) & 15) + 1] === 1
      )
    }
  }
}

function tableOf(numbers: readonly number[]): Uint8Array {
  const table = new Uint8Array(64)
  for (const number of numbers) table[number] = 1
  return table
}

function extremes(values: Float64Array): [number, number] {
  let [least, most] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < least) least = value
    if (value > most) most = value
  }
  return [least, most]
}

const iso = (atMs: number | undefined): string =>
  atMs === undefined ? 'none in the window' : new Date(atMs).toISOString()
