// RabbitMQ is stopped, killed, cut off and blocked under load: nothing is lost, and work goes on when it is back.
import { cpus } from 'node:os'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { FAULTS } from '../test/chaos/rabbitmq/faults.ts'
import { FAST_TICK, playRound } from '../test/chaos/rabbitmq/round.ts'
import { type Report, summaryOf } from '../test/chaos/recovery.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'

/** One worker, and three. */
const WORKERS = [1, 3]

/** `rounds` are rounds of each fault, each with one worker and with three. */
export async function run({ rounds = 50 }: ProofOptions): Promise<Proof> {
  const node = await RabbitmqNode.start({ advanced: FAST_TICK })
  const figures: Record<string, unknown> = { rounds, cores: cpus().length, faults: {} }
  const failures: string[] = []
  try {
    for (const fault of FAULTS) {
      const reports: Report[] = []
      for (let round = 0; round < rounds; round++) {
        try {
          reports.push(...(await playRound(fault, { node, round, workers: WORKERS, longMs: 10_000 })))
        } catch (error) {
          failures.push(String(error).split('\n')[0] as string)
          console.error(error)
        }
      }
      const byWorkers = WORKERS.map((workers) => summaryOf(reports.filter((report) => report.workers === workers)))
      figures['faults'] = { ...(figures['faults'] as object), [fault.name]: byWorkers }
      console.log(fault.name, JSON.stringify(byWorkers))
      const twice = reports.filter(({ workers, throughTwice }) => workers === 1 && throughTwice > 0)
      if (twice.length > 0) failures.push(`${fault.name}: ran twice with one worker in ${twice.length} rounds`)
    }
  } finally {
    await node.remove()
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}
