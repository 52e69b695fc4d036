// RabbitMQ is stopped, killed, cut off and blocked under load: nothing is lost, and work goes on when it is back.
import { cpus, loadavg } from 'node:os'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { FAULTS } from '../test/chaos/rabbitmq/faults.ts'
import { FAST_TICK, playRound, type Report } from '../test/chaos/rabbitmq/round.ts'
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
      const byWorkers = WORKERS.map((workers) => summary(reports.filter((report) => report.workers === workers)))
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

function summary(reports: readonly Report[]): object {
  const resumeMs = reports.flatMap((report) => report.resumeMs).toSorted((a, b) => a - b)
  const sum = (of: (report: Report) => number): number => reports.reduce((total, report) => total + of(report), 0)
  return {
    workers: reports[0]?.workers,
    rounds: reports.length,
    confirmed: sum((report) => report.confirmed),
    withOutcome: sum((report) => report.confirmed),
    notConfirmed: sum((report) => report.unsent),
    resumeMs: { p50: resumeMs[resumeMs.length >> 1], max: resumeMs.at(-1) },
    resumedLate: resumeMs.filter((ms) => ms > 2_000).length,
    ranThrough: sum((report) => report.through),
    ranThroughTwice: sum((report) => report.throughTwice),
    startedAgainAfterRedelivery: sum((report) => report.duplicates),
    startedAgainAfterResending: sum((report) => report.resent),
    // Beside figures of time: how many wanted a core of the machine in the last minute.
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  }
}
