import type { CronSets } from './cron-fields.ts'

/*
 * Local times are written as the milliseconds that a clock in UTC would need to show the same: plain numbers, on which the
 * calendar can be reckoned without any zone.
 */

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** The longest that any date keeps one waiting: 29 February on a given weekday, over a year 2100 that has none. */
const HORIZON_YEARS = 41

/** Whether a day is one: by the day of the month AND that of the week. */
function matchesDay(sets: CronSets, date: Date): boolean {
  return (
    sets.monthOfYear.has(date.getUTCMonth() + 1) &&
    sets.dayOfMonth.has(date.getUTCDate()) &&
    sets.dayOfWeek.has(date.getUTCDay())
  )
}

/** The first local time at or after one, a whole minute, that all five fields have. None: there is no such day. */
export function firstMatch(sets: CronSets, fromLocal: number): number | undefined {
  const from = Math.ceil(fromLocal / MINUTE_MS) * MINUTE_MS
  let day = new Date(from - mod(from, DAY_MS))
  const today = matchesDay(sets, day) ? firstTime(sets, mod(from, DAY_MS) / MINUTE_MS) : undefined
  if (today !== undefined) return day.getTime() + today * MINUTE_MS
  const last = day.getUTCFullYear() + HORIZON_YEARS
  do {
    day = sets.monthOfYear.has(day.getUTCMonth() + 1)
      ? new Date(day.getTime() + DAY_MS)
      : new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1))
    if (day.getUTCFullYear() > last) return undefined
  } while (!matchesDay(sets, day))
  return day.getTime() + (firstTime(sets, 0) as number) * MINUTE_MS
}

/** The first time of day at or after one, in minutes since midnight. */
function firstTime(sets: CronSets, fromMinute: number): number | undefined {
  const [fromHour, minuteOfHour] = [Math.floor(fromMinute / 60), fromMinute % 60]
  for (let hour = fromHour; hour < 24; hour++) {
    if (!sets.hour.has(hour)) continue
    for (let minute = hour === fromHour ? minuteOfHour : 0; minute < 60; minute++) {
      if (sets.minute.has(minute)) return hour * 60 + minute
    }
  }
  return undefined
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by
}
