// The owner of an embedded store is killed under load, and all of its processes: nothing confirmed is lost or done twice.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { killAll, killTheOwner, type Verdict } from '../test/store/killed-owner.ts'

/** `rounds` are rounds of each of the two, each with a seed of its own. */
export async function run({ rounds = 50, seed }: ProofOptions): Promise<Proof> {
  const failures: string[] = []
  const play = async (round: (seed: number) => Promise<Verdict>): Promise<Verdict[]> => {
    const verdicts: Verdict[] = []
    for (let nth = 0; nth < rounds; nth++) {
      try {
        const verdict = await round(seed + nth)
        verdicts.push(verdict)
        failures.push(...verdict.problems.map((problem) => `seed ${seed + nth}: ${problem}`))
      } catch (error) {
        failures.push(`seed ${seed + nth}: ${String(error).split('\n')[0]}`)
        console.error(error)
      }
    }
    return verdicts
  }
  const owner = await play((one) => killTheOwner(one, 1000))
  const all = await play(killAll)
  const silentMs = owner.map((verdict) => verdict.silentMs).toSorted((a, b) => a - b)
  const sum = (verdicts: readonly Verdict[], of: (verdict: Verdict) => number): number =>
    verdicts.reduce((total, verdict) => total + of(verdict), 0)
  const figures = {
    rounds,
    ownerKilled: {
      confirmed: sum(owner, ({ confirmed }) => confirmed),
      uncertain: sum(owner, ({ uncertain }) => uncertain),
      dueDoneAgain: sum(owner, ({ doneAgain }) => doneAgain),
      silentMs: { median: silentMs[silentMs.length >> 1], most: silentMs.at(-1) },
    },
    allKilled: { confirmed: sum(all, ({ confirmed }) => confirmed) },
    failures,
  }
  return { holds: failures.length === 0, figures }
}
