import { getTimes, type SunTimeName } from 'suncalc'
import { checkAll, oneOf, shown, Unfit, type Check } from '../app/check.ts'
import type { Complain } from './cron-fields.ts'
import type { Schedule } from './schedule.ts'

const DAY_MS = 86_400_000

/** Nearer to a pole than this the sun rises and sets by the year, not by the day. */
const FURTHEST_NORTH = 89

/** No place up to there waits longer for an event of its sun, polar day and polar night included. */
const HORIZON_DAYS = 400

/** Celery's names, and the library's. */
const EVENTS = {
  dawn_astronomical: 'nightEnd',
  dawn_nautical: 'nauticalDawn',
  dawn_civil: 'dawn',
  sunrise: 'sunrise',
  solar_noon: 'solarNoon',
  sunset: 'sunset',
  dusk_civil: 'dusk',
  dusk_nautical: 'nauticalDusk',
  dusk_astronomical: 'night',
} as const satisfies Readonly<Record<string, SunTimeName | 'solarNoon'>>

/**
 * What the sun does, in Celery's words: its upper edge at the horizon (`sunrise`, `sunset`), its centre 6, 12 or 18 degrees
 * below it (civil, nautical, astronomical), or at its highest (`solar_noon`).
 */
export type SolarEvent = keyof typeof EVENTS

/** An event of the sun, seen from a place at the level of the sea. */
export interface SolarTimes {
  event: SolarEvent
  /** Degrees, north of the equator positive: -89 to 89. */
  lat: number
  /** Degrees, east of Greenwich positive: -180 to 180. */
  lon: number
}

/**
 * Due once a day, when the sun does something. On days on which it does not, in polar day or night, nothing is due; which
 * day is the last before one, where the sun just touches the horizon, is not certain. Times are right to some ten seconds,
 * and whole seconds, so that all schedulers agree.
 * @throws what `complain` makes of the first member that is wrong
 */
export function solarSchedule(given: unknown, complain: Complain): Schedule {
  if (typeof given !== 'object' || given === null) {
    throw complain('solar', `is ${shown(given)}`, "Make it with solar('sunset', lat, lon, task)")
  }
  const { event, lat, lon } = checkAll<SolarTimes>(
    given,
    { event: oneOf(...(Object.keys(EVENTS) as SolarEvent[])), lat: degrees(FURTHEST_NORTH), lon: degrees(180) },
    { unknown: (name, fix) => complain(name, 'is no member of a solar schedule', fix), invalid: complain },
  )
  if (event === undefined) throw complain('event', 'is missing', `Name one: ${Object.keys(EVENTS).join(', ')}`)
  if (lat === undefined) throw complain('lat', 'is missing', 'Write the latitude in degrees')
  if (lon === undefined) throw complain('lon', 'is missing', 'Write the longitude in degrees')
  const isOfMorning = event === 'sunrise' || event.startsWith('dawn')
  const eventOf = (day: number): number | undefined => {
    const times = getTimes(new Date(day * DAY_MS + DAY_MS / 2), lat, lon)
    const time = times[EVENTS[event]]
    if (!time) return undefined
    // Where the sun just touches the horizon, what is found may be of another half of a day: that one tells of it itself.
    const sinceNoonMs = (time.getTime() - times.solarNoon.getTime()) * (isOfMorning ? -1 : 1)
    if (sinceNoonMs < 0 || sinceNoonMs > DAY_MS / 2) return undefined
    return Math.round(time.getTime() / 1000) * 1000
  }
  return {
    next(afterMs) {
      // The event of a day may fall on the day before or after it in UTC.
      const first = Math.floor(afterMs / DAY_MS) - 2
      for (let day = first; day < first + HORIZON_DAYS; day++) {
        const due = eventOf(day)
        if (due !== undefined && due > afterMs) return due
      }
      throw new RangeError(`The sun has no ${event} at ${lat}, ${lon}`)
    },
  }
}

function degrees(most: number): Check<number> {
  return (value) => {
    if (typeof value === 'number' && Math.abs(value) <= most) return value
    throw new Unfit(`is ${shown(value)}`, `Write degrees from ${-most} to ${most}`)
  }
}
