// Crontabs round every change of every zone's clocks, 2024 to 2030, and in 20 random weeks of each, beside a walk minute by
// minute. Zones whose clocks are changed at the same moments by as much are one.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { seededRandom } from '../src/testing/seeded.ts'
import { changesOf, DAY_MS, MINUTE_MS, MinuteWalk, shownIn } from '../test/beat/minute-walk.ts'
import { randomCron } from '../test/beat/random-cron.ts'

const FROM = Date.UTC(2024, 0, 1)
const TO = Date.UTC(2031, 0, 1)
const WEEKS = 20

/** `rounds` crontabs in each window. */
export async function run({ rounds = 200, seed }: ProofOptions): Promise<Proof> {
  const random = seededRandom(seed)
  const zones = Intl.supportedValuesOf('timeZone')
  const distinct = new Map<string, { zone: string; changes: number[] }>()
  for (const zone of zones) {
    const changes = changesOf(zone, FROM, TO)
    const behaviour = [FROM, ...changes].map((at) => `${at} ${shownIn(zone, at) - at}`).join()
    if (!distinct.has(behaviour)) distinct.set(behaviour, { zone, changes })
  }
  const failures: string[] = []
  const sums = { changes: 0, windows: 0, crontabs: 0, ticks: 0 }
  for (const { zone, changes } of distinct.values()) {
    const weeks = Array.from({ length: WEEKS }, () => {
      const from = FROM + Math.floor((random() * (TO - FROM - 7 * DAY_MS)) / MINUTE_MS) * MINUTE_MS
      return [from, from + 7 * DAY_MS] as const
    })
    sums.changes += changes.length
    for (const [from, to] of [...changes.map((at) => [at - DAY_MS, at + DAY_MS] as const), ...weeks]) {
      const walk = new MinuteWalk(zone, from, to)
      sums.windows++
      for (let index = 0; index < rounds; index++) {
        const { ticks, fault } = walk.judge(randomCron(random), random)
        sums.crontabs++
        sums.ticks += ticks
        if (fault !== undefined) failures.push(fault)
      }
    }
    console.log(`${zone}: ${changes.length} changes,`, failures.length === 0 ? 'holds' : `${failures.length} failures`)
  }
  const holds = failures.length === 0 && sums.ticks > 0
  return {
    holds,
    figures: { zones: zones.length, distinct: distinct.size, rounds, ...sums, failures: failures.slice(0, 20) },
  }
}
