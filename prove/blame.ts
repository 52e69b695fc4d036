// One killer (exit, abort, a full heap, kill -9 of its own process; in threads exit) among 50 tasks, again and again: two
// deaths of a child, the killer alone is buried, every innocent has its result and runs twice at most.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { seededRandom } from '../src/testing/seeded.ts'
import { BlameStage, faultsOf, type Stage } from '../test/chaos/blame/rounds.ts'
import type { Deed } from '../test/chaos/blame/tasks.ts'

const TASKS = 50

/** Of ten rounds so many on each stage. All 50 in one process is the worst there is. */
const STAGES: readonly { stage: Stage; deeds: readonly Deed[]; ofTen: number }[] = [
  { stage: { kind: 'processes', children: 5, perChild: 10 }, deeds: ['exit', 'abort', 'heap', 'kill'], ofTen: 8 },
  { stage: { kind: 'processes', children: 1, perChild: 50 }, deeds: ['exit', 'abort', 'heap', 'kill'], ofTen: 1 },
  { stage: { kind: 'threads', children: 5, perChild: 10 }, deeds: ['exit'], ofTen: 1 },
]

/** `rounds` rounds, most of them in five processes of ten tasks each. */
export async function run({ rounds = 100, seed }: ProofOptions): Promise<Proof> {
  const random = seededRandom(seed)
  const failures: string[] = []
  const figures: Record<string, unknown>[] = []
  for (const { stage, deeds, ofTen } of STAGES) {
    await using place = await new BlameStage(stage).start()
    const count = Math.max(1, Math.round((rounds * ofTen) / 10))
    const sums = {
      deaths: 0,
      innocents: 0,
      succeeded: 0,
      ranTwice: 0,
      buriedKillers: 0,
      buriedInnocents: 0,
      seconds: 0,
    }
    for (let index = 0; index < count; index++) {
      const deed = deeds[index % deeds.length] as Deed
      const round = await place.play(deed, { tasks: TASKS, random })
      const faults = faultsOf(round, TASKS)
      if (faults.length > 0) failures.push(`${stage.kind} round ${index}, ${deed}: not so: ${faults.join(', ')}`)
      sums.deaths += round.deaths
      sums.innocents += TASKS - 1
      sums.succeeded += round.succeeded
      sums.ranTwice += round.ranTwice
      sums.buriedKillers += round.buried.filter((task) => task === 'killer').length
      sums.buriedInnocents += round.buried.filter((task) => task !== 'killer').length
      sums.seconds += round.seconds
      console.log(`${stage.kind} ${stage.perChild} ${index + 1}/${count} ${deed}`, faults.join(', ') || 'holds')
    }
    figures.push({ ...stage, rounds: count, ...sums, seconds: Math.round(sums.seconds) })
  }
  return { holds: failures.length === 0, figures: { tasks: TASKS, stages: figures, failures } }
}
