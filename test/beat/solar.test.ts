import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { solar } from '../../src/beat/entry.ts'
import type { SolarEvent } from '../../src/beat/solar.ts'
import { readEntry, type Timetable } from '../../src/beat/timetable.ts'

const DAY_MS = 86_400_000

function timetable(event: SolarEvent, lat: number, lon: number): Timetable {
  return readEntry('lamps', solar(event, lat, lon, 'lamps.on'), 'UTC')
}

function dues(of: Timetable, after: string, count: number): number[] {
  const found: number[] = []
  while (found.length < count) found.push(of.next(found.at(-1) ?? Date.parse(after)).dueMs)
  return found
}

/** What PyEphem 4.1.4, which Celery asks, says of the day after a midnight in UTC. */
const EPHEM: readonly (readonly [string, lat: number, lon: number, day: string, Record<SolarEvent, string>])[] = [
  [
    'Greenwich',
    51.4769,
    0,
    '2026-03-21',
    {
      dawn_astronomical: '04:06:59',
      dawn_nautical: '04:48:00',
      dawn_civil: '05:27:21',
      sunrise: '06:00:36',
      solar_noon: '12:07:08',
      sunset: '18:14:40',
      dusk_civil: '18:48:02',
      dusk_nautical: '19:27:33',
      dusk_astronomical: '20:08:49',
    },
  ],
  [
    'Shanghai',
    31.2304,
    121.4737,
    '2026-11-21',
    {
      dawn_astronomical: '21:02:28',
      dawn_nautical: '21:31:29',
      dawn_civil: '22:01:02',
      sunrise: '22:27:01',
      solar_noon: '03:39:52',
      sunset: '08:53:20',
      dusk_civil: '09:19:15',
      dusk_nautical: '09:48:45',
      dusk_astronomical: '10:17:45',
    },
  ],
  [
    'Quito',
    0,
    -78.5,
    '2027-06-21',
    {
      dawn_astronomical: '09:57:01',
      dawn_nautical: '10:23:22',
      dawn_civil: '10:49:35',
      sunrise: '11:12:09',
      solar_noon: '17:15:48',
      sunset: '23:19:28',
      dusk_civil: '23:42:01',
      dusk_nautical: '00:08:02',
      dusk_astronomical: '00:34:22',
    },
  ],
  [
    'Ushuaia',
    -54.8019,
    -68.303,
    '2028-04-01',
    {
      dawn_astronomical: '08:57:56',
      dawn_nautical: '09:40:49',
      dawn_civil: '10:22:41',
      sunrise: '10:58:40',
      solar_noon: '16:36:51',
      sunset: '22:14:00',
      dusk_civil: '22:49:54',
      dusk_nautical: '23:31:36',
      dusk_astronomical: '00:16:55',
    },
  ],
  [
    'Suva',
    -17.7134,
    178.065,
    '2029-01-01',
    {
      dawn_astronomical: '16:14:51',
      dawn_nautical: '16:44:09',
      dawn_civil: '17:12:38',
      sunrise: '17:36:38',
      solar_noon: '00:11:12',
      sunset: '06:46:18',
      dusk_civil: '07:10:19',
      dusk_nautical: '07:38:48',
      dusk_astronomical: '08:08:06',
    },
  ],
]

describe.each(EPHEM)('In %s (%d, %d) on %s', (_, lat, lon, day, events) => {
  it.each(Object.entries(events) as [SolarEvent, string][])('%s comes at %s', (event, time) => {
    const { dueMs } = timetable(event, lat, lon).next(Date.parse(`${day}T00:00Z`))
    expect(Math.abs(dueMs - Date.parse(`${day}T${time}Z`))).toBeLessThan(30_000)
  })
})

describe('In Tromsø', () => {
  it.each<[SolarEvent, string, string, string]>([
    ['sunrise', '2026-11-27T00:00Z', '2026-11-27T10:20:17Z', '2027-01-15T10:34:32Z'],
    ['sunset', '2026-05-17T12:00Z', '2026-05-17T22:27:28Z', '2026-07-25T22:36:15Z'],
  ])('after the last %s before a long day or night comes the first after it', (event, after, last, first) => {
    const found = dues(timetable(event, 69.6492, 18.9553), after, 2)
    // At both ends the sun moves along the horizon: whether it touches it on the very last day is for the library to say.
    found.forEach((due, at) =>
      expect(Math.abs(due - Date.parse([last, first][at] as string))).toBeLessThan(1.1 * DAY_MS),
    )
  })

  it('noon comes every day, at night too', () => {
    const noons = dues(timetable('solar_noon', 69.6492, 18.9553), '2026-11-20T00:00Z', 60)
    expect((noons.at(-1) as number) - (noons[0] as number)).toBeGreaterThan(58.9 * DAY_MS)
    expect((noons.at(-1) as number) - (noons[0] as number)).toBeLessThan(59.1 * DAY_MS)
  })
})

const place = {
  lat: fc.double({ min: -89, max: 89, noNaN: true }),
  lon: fc.double({ min: -180, max: 180, noNaN: true }),
}
const event = fc.constantFrom<SolarEvent[]>(
  ...(['dawn_astronomical', 'dawn_nautical', 'dawn_civil', 'sunrise', 'solar_noon'] as const),
  ...(['sunset', 'dusk_civil', 'dusk_nautical', 'dusk_astronomical'] as const),
)
const moment = fc.integer({ min: Date.UTC(2020), max: Date.UTC(2060) })

// What a search among random places has found: there the sun touches the horizon at midnight, and a reckoning goes astray.
it.each<[SolarEvent, number, number, string]>([
  ['dawn_civil', -80.22532097224101, -107.84391297205143, '2024-03-01'],
  ['sunrise', -83.21517560064062, 103.78917642135681, '2024-03-01'],
])('%s at %d, %d comes in order too', (event, lat, lon, day) => {
  const found = dues(timetable(event, lat, lon), `${day}T00:00Z`, 40)
  const steps = found.slice(1).map((due, at) => due - (found[at] as number))
  expect(Math.min(...steps)).toBeGreaterThan(0.49 * DAY_MS)
})

describe('Anywhere, at any time', () => {
  it('ticks come after the moment asked for, one a day at most, and in whole seconds', () => {
    fc.assert(
      fc.property(fc.record({ ...place, event, moment }), (of) => {
        const table = timetable(of.event, of.lat, of.lon)
        const found = [of.moment]
        while (found.length < 12) found.push(table.next(found.at(-1) as number).dueMs)
        const steps = found.slice(1).map((due, at) => due - (found[at] as number))
        expect(Math.min(...steps)).toBeGreaterThan(0)
        // Where the sun hardly rises, what it does moves by hours from day to day.
        expect(Math.min(...steps.slice(1))).toBeGreaterThan(0.49 * DAY_MS)
        expect(found.slice(1).filter((due) => due % 1000 !== 0)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('whoever asks at any moment between two ticks gets the same tick', () => {
    fc.assert(
      fc.property(
        fc.record({ ...place, event, moment, part: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
        (of) => {
          const table = timetable(of.event, of.lat, of.lon)
          const first = table.next(of.moment).dueMs
          const second = table.next(first).dueMs
          expect(table.next(first + Math.floor((second - first) * of.part)).dueMs).toBe(second)
        },
      ),
      { numRuns: 200 },
    )
  })
})

it.each<[unknown, string]>([
  [{ event: 'sunsett', lat: 0, lon: 0 }, 'event must be'],
  [{ event: 'sunset', lat: 90, lon: 0 }, 'lat is 90'],
  [{ event: 'sunset', lat: 0, lon: -181 }, 'lon is -181'],
  [{ event: 'sunset', lat: '0', lon: 0 }, 'lat is "0"'],
  [{ event: 'sunset', lat: Number.NaN, lon: 0 }, 'lat is NaN'],
  [{ event: 'sunset', lat: 0 }, 'lon is missing'],
  [{ lat: 0, lon: 0 }, 'event is missing'],
  [{ event: 'sunset', lat: 0, lon: 0, height: 5 }, 'height is no member'],
  ['sunset', 'solar is "sunset"'],
])('%o is refused by name', (given, problem) => {
  const entry = { task: 'lamps.on', solar: given as never }
  expect(() => readEntry('lamps', entry, 'UTC')).toThrow(`The schedule of lamps cannot be kept: ${problem}`)
})
