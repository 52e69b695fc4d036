// An engine whose process or power ends at any step of 20,000 lives keeps what was confirmed, and believes nothing torn.
import fc from 'fast-check'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { messageOf } from '../src/base/errors.ts'
import { KeptEngineModel } from '../test/property/kept-engine-model.ts'
import { STEPS } from '../test/property/kept-engine-steps.ts'

/** `rounds` are lives of 40 to 150 steps, drawn from `seed`. */
export async function run({ rounds = 20_000, seed }: ProofOptions): Promise<Proof> {
  let steps = 0
  const keeps = fc.asyncProperty(STEPS, async (life) => {
    steps += life.length
    await new KeptEngineModel().run(life)
  })
  const found = await fc.check(keeps, { numRuns: rounds, seed, endOnFailure: true })
  const figures = { lives: found.numRuns, steps }
  if (!found.failed) return { holds: true, figures }
  console.error(JSON.stringify(found.counterexample))
  return { holds: false, figures: { ...figures, failed: messageOf(found.errorInstance) } }
}
