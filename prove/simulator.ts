// 200,000 schedules of crashes, cuts, restarts, duplicates and delays lose nothing, and hang nowhere.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { isLovageError } from '../src/base/errors.ts'
import { simulate } from '../src/testing/testing.ts'
import { SHOP } from '../test/chaos/trade.ts'

/** `rounds` are schedules, of the seeds `seed`, `seed + 1` and so on. */
export async function run({ rounds = 200_000, seed }: ProofOptions): Promise<Proof> {
  try {
    return { holds: true, figures: { ...(await simulate({ ...SHOP, seed, schedules: rounds })) } }
  } catch (error) {
    if (!isLovageError(error, 'SIMULATION_FAILED')) throw error
    const { seed: failed, problem } = error.details
    console.error(error.message)
    return { holds: false, figures: { schedules: rounds, failed, problem } }
  }
}
