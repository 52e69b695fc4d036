// Redis is stopped, killed, cut off, failed over and filled under load: nothing is lost, and work goes on when it is back.
import { cpus } from 'node:os'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { type Report, summaryOf } from '../test/chaos/recovery.ts'
import { FAULTS } from '../test/chaos/redis/faults.ts'
import { NO_DELAY, playRound } from '../test/chaos/redis/round.ts'
import { RedisNode } from '../test/services/redis-node.ts'

/** One worker, and three. */
const WORKERS = [1, 3]

/** Servers that are hurt at the same time, each in a round of its own: most of a round is waiting. */
const LANES = 3

/** `rounds` are rounds of each fault, each with one worker and with three. */
export async function run({ rounds = 50 }: ProofOptions): Promise<Proof> {
  const reports = new Map(FAULTS.map((fault) => [fault, [] as Report[]]))
  const failures: string[] = []
  const toPlay = FAULTS.flatMap((fault) => Array.from({ length: rounds }, (_, round) => ({ fault, round })))
  let next = 0
  const lane = async (): Promise<void> => {
    const node = await RedisNode.start(NO_DELAY)
    try {
      for (let play = toPlay[next++]; play; play = toPlay[next++]) {
        const { fault, round } = play
        try {
          reports.get(fault)?.push(...(await playRound(fault, { node, round, workers: WORKERS, longMs: 10_000 })))
        } catch (error) {
          failures.push(String(error).split('\n')[0] as string)
          console.error(error)
        }
        if (round === rounds - 1) console.log(fault.name)
      }
    } finally {
      await node.remove()
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  const faults: Record<string, object[]> = {}
  for (const [{ name }, all] of reports) {
    faults[name] = WORKERS.map((workers) => summaryOf(all.filter((report) => report.workers === workers)))
    const twice = all.filter(({ throughTwice }) => throughTwice > 0)
    if (twice.length > 0) failures.push(`${name}: what ran through it ran twice in ${twice.length} rounds`)
  }
  return { holds: failures.length === 0, figures: { rounds, lanes: LANES, cores: cpus().length, faults, failures } }
}
