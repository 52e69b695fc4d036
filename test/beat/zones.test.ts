import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/testing/seeded.ts'
import { changesOf, DAY_MS, MINUTE_MS, MinuteWalk } from './minute-walk.ts'
import { randomCron } from './random-cron.ts'

const SEED = 20_261_121
const FROM = Date.UTC(2024, 0, 1)
const TO = Date.UTC(2031, 0, 1)
const CRONS = 20

// Changes by an hour, half an hour and two; at midnight, over midnight, in the month of Ramadan, for good, and never.
const ZONES =
  `UTC Europe/London Europe/Dublin Europe/Berlin Europe/Chisinau Atlantic/Azores America/New_York America/St_Johns
  America/Havana America/Santiago America/Asuncion America/Nuuk America/Scoresbysund America/Los_Angeles Pacific/Easter
  Pacific/Honolulu Pacific/Apia Pacific/Norfolk Pacific/Chatham Pacific/Kiritimati Australia/Lord_Howe Australia/Adelaide
  Antarctica/Troll Antarctica/Vostok Africa/Casablanca Africa/Cairo Asia/Beirut Asia/Gaza Asia/Almaty Asia/Kathmandu`.split(
    /\s+/,
  )

describe('a crontab in a zone, beside a walk minute by minute', () => {
  it('is tried in 30 zones', () => expect(new Set(ZONES).size).toBe(30))

  it.each(ZONES.map((zone, index) => [zone, SEED + index] as const))('%s (seed %i)', (zone, seed) => {
    const random = seededRandom(seed)
    const somewhere = (): number => FROM + Math.floor((random() * (TO - FROM - 7 * DAY_MS)) / MINUTE_MS) * MINUTE_MS
    const changes = changesOf(zone, FROM, TO)
    const from = Math.floor(random() * changes.length)
    const windows = [0, 1, 2].map((index) => changes[(from + index) % changes.length] ?? somewhere())
    const week = somewhere()
    const walks = [
      ...windows.map((change) => new MinuteWalk(zone, change - DAY_MS, change + DAY_MS)),
      new MinuteWalk(zone, week, week + 7 * DAY_MS),
    ]
    const crons = Array.from({ length: CRONS }, () => randomCron(random))
    const verdicts = walks.flatMap((walk) => crons.map((cron) => walk.judge(cron, random)))
    expect(verdicts.flatMap(({ fault }) => fault ?? [])).toEqual([])
    expect(verdicts.reduce((sum, { ticks }) => sum + ticks, 0)).toBeGreaterThan(100)
  })
})
