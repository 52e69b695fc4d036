import { readCron, type Complain, type CronSets } from './cron-fields.ts'
import { firstMatch } from './cron-times.ts'
import type { Schedule } from './schedule.ts'
import { offsetOf } from './zone-days.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/**
 * Due whenever the clocks of a zone show what all five fields have: as in Celery, the day of the month AND that of the
 * week. Where clocks are put forward or back:
 *
 * - A crontab that names hours is about times of day, and each of them comes once a day. What falls into the time that is
 *   missing is due once, at the first moment after it; of a time that comes twice, the first is meant.
 * - A crontab of every hour is about the time that passes. It is due whenever the clocks show it: not in a time that is
 *   missing, and both times in one that comes twice.
 *
 * @throws what `complain` makes of the first field that is wrong
 */
export function cronSchedule(given: unknown, complain: Complain): Schedule {
  const sets = readCron(given, complain)
  if (firstMatch(sets, 0) === undefined) {
    const fix = 'Write a day that the month has; 29 February comes every four years or eight'
    throw complain('dayOfMonth', 'names days that none of the months has', fix)
  }
  const isElapsing = sets.hour.size === 24
  const next = isElapsing ? nextShown : nextTimeOfDay
  return { isElapsing, next: (afterMs, zone) => next(sets, Math.floor(afterMs / MINUTE_MS) * MINUTE_MS, zone) }
}

/** The next minute in which the clocks show a time of the crontab. */
function nextShown(sets: CronSets, afterMs: number, zone: string): number {
  let from = afterMs + MINUTE_MS
  while (true) {
    const offset = offsetOf(from, zone)
    const due = match(sets, from + offset) - offset
    // Clocks that are put back within a day may show it sooner; those of later days only what has not been shown yet.
    const until = Math.min(due, from + DAY_MS)
    if (offsetOf(until, zone) !== offset) from = changeOf(from, until, zone)
    else if (until === due) return due
    else from = Math.max(until, due - 2 * DAY_MS)
  }
}

/** When the next time of day of the crontab first comes, or, where it is missing, what comes in its stead. */
function nextTimeOfDay(sets: CronSets, afterMs: number, zone: string): number {
  let local = afterMs + offsetOf(afterMs, zone)
  while (true) {
    local = match(sets, local + MINUTE_MS)
    const due = firstMoment(local, zone)
    if (due > afterMs) return due
  }
}

/** When the clocks of the zone first show a local time or, where they skip it, a later one. */
function firstMoment(local: number, zone: string): number {
  // No zone is further than 14 hours from UTC, and none has two changes within two days.
  const [before, after] = [local - DAY_MS, local + DAY_MS]
  for (const offset of [offsetOf(before, zone), offsetOf(after, zone)]) {
    if (offsetOf(local - offset, zone) === offset) return local - offset
  }
  return changeOf(before, after, zone)
}

/** When the clocks are put forward or back between two moments, to the minute: its first with the new offset. */
function changeOf(fromMs: number, toMs: number, zone: string): number {
  const offset = offsetOf(fromMs, zone)
  let [last, first] = [fromMs, toMs]
  while (first - last > MINUTE_MS) {
    const middle = last + Math.floor((first - last) / 2 / MINUTE_MS) * MINUTE_MS
    if (offsetOf(middle, zone) === offset) last = middle
    else first = middle
  }
  return first
}

function match(sets: CronSets, fromLocal: number): number {
  // Made sure of when the crontab was read.
  return firstMatch(sets, fromLocal) as number
}
