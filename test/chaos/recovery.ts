import { loadavg } from 'node:os'
import { onLog } from '../../src/base/log.ts'
import { type Deployment, until } from './deployment.ts'

/** Outcomes that must have come before the fault, and after it. */
export const SOME = 40

/** Log lines kept for the text of a failure. */
const LINES_KEPT = 40

/** What a round came to for one deployment. */
export interface Report {
  readonly workers: number
  readonly confirmed: number
  readonly unsent: number
  /** From the broker's return to the first task that each worker began. */
  readonly resumeMs: readonly number[]
  /** Starts beyond the first of messages that the broker gave out again. */
  readonly duplicates: number
  /** Starts beyond the first of messages that were sent again, their confirmation having been lost. */
  readonly resent: number
  /** Tasks that ran while the fault was there. */
  readonly through: number
  /** Those of them that were started more than once. */
  readonly throughTwice: number
}

/** Gathers the last lines of the log; the function it gives ends that. */
export function lastLines(lines: string[]): () => void {
  return onLog(({ level, room, message, fields }) => {
    if (level === 'debug' || message === 'task done') return
    lines.push(`${Math.round(performance.now())} ${level} ${room}: ${message} ${JSON.stringify(fields)}`)
    if (lines.length > LINES_KEPT) lines.shift()
  })
}

/**
 * Waits until every worker works again, and all that was confirmed has an outcome. With `fill` they are given so much that
 * none can be left out.
 */
export async function recover(one: Deployment, backMs: number, { fill = false } = {}): Promise<Report> {
  const filled = fill ? one.fill() : undefined
  await until(
    () => `each of ${one.workers.length} workers begins a task after the fault`,
    () => one.firstRuns(backMs).every((atMs) => atMs < Infinity),
  )
  const resumeMs = one.firstRuns(backMs).map((atMs) => Math.round(atMs - backMs))
  one.gates.after.open()
  one.gates.full.open()
  await filled
  await one.outcomes(SOME)
  await one.endLoad()
  await until(
    () => `each of ${one.confirmed.size} confirmed messages has an outcome: missing ${describe(one)}`,
    () => one.missing.length === 0,
  )
  if (one.wrong.length > 0) throw new Error(`outcomes are not what they should be: ${one.wrong.join('; ')}`)
  const again = [...one.runs.values()].flatMap((runs) => runs.slice(1))
  const through = [...one.gated.amid, ...one.gated.after]
  return {
    workers: one.workers.length,
    confirmed: one.confirmed.size,
    unsent: one.unsent,
    resumeMs,
    duplicates: again.filter(({ isAgain }) => isAgain).length,
    resent: again.filter(({ isAgain }) => !isAgain).length,
    through: through.length,
    throughTwice: through.filter((id) => (one.runs.get(id)?.length ?? 0) > 1).length,
  }
}

/** Waits until nothing is in anybody's hands. */
export async function nothingInHand({ queue, workers }: Deployment): Promise<void> {
  await until(`nothing is in the hands of the workers of ${queue}`, () =>
    workers.every(({ worker }) => {
      const { running, waiting, held } = worker.stats()
      return running === 0 && waiting === 0 && held === 0
    }),
  )
}

/** What many rounds came to, for a proof. */
export function summaryOf(reports: readonly Report[]): object {
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

/** What is known of the first outcomes that are missing. */
function describe({ missing, runs }: Deployment): string {
  const known = missing.slice(0, 3).map((id) => `${id} (started ${runs.get(id)?.length ?? 0} times)`)
  return `${missing.length}, among them ${known.join(', ')}`
}
