// 200,000 schedules of crashes, cuts, restarts, duplicates and delays lose nothing, and hang nowhere.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { type Part, simulateInThreads } from '../test/chaos/threads.ts'

/** Schedules that a thread is given at a time. */
const PART = 1_000

/** `rounds` are schedules, of the seeds `seed`, `seed + 1` and so on; after `seconds` no more are begun. */
export async function run({ rounds = 200_000, seconds = Infinity, seed }: ProofOptions): Promise<Proof> {
  let told = 0
  const { failures, ...sum } = await simulateInThreads(parts(rounds, seed), {
    seconds,
    onHeld: (schedules) => {
      if (Math.floor(schedules / 10_000) > Math.floor(told / 10_000)) console.log(`${schedules} schedules held`)
      told = schedules
    },
  })
  return { holds: failures.length === 0, figures: { seed, ...sum, ...(failures.length > 0 && { failures }) } }
}

function* parts(rounds: number, seed: number): Generator<Part> {
  for (let from = 0; from < rounds; from += PART) {
    const schedules = Math.min(PART, rounds - from)
    yield { what: 'shop', brokers: ['memory', 'amqp', 'embedded', 'redis'], seed: seed + from, schedules }
  }
}
