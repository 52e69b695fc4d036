import type { Due } from '../../base/due-heap.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Suspect } from '../child-death.ts'
import type { Job, JobReport } from '../pool.ts'
import type { Child } from './child.ts'

/** A job in the hands of the pool, from `run` to its outcome. */
export class Posted {
  /** Its number on the way to children and back; another one for each run. */
  n = 0
  readonly job: Job
  readonly report: JobReport
  /** The time limits of message or task, in milliseconds. */
  readonly limitMs: number | undefined
  /** Somebody waits to hear that it has started. */
  readonly isTold: boolean
  readonly resolve: (outcome: Outcome) => void
  /** Where it runs; undefined while it waits. */
  child: Child | undefined
  hasStarted = false
  sentAtMs = 0
  /** Children that died with it. */
  deaths = 0
  /** It runs in a child of its own, or not at all. */
  isAlone = false
  /** Ends its child where that does not end it itself. */
  limit: Due | undefined
  /** What it ends with although it does not end. */
  decided: Outcome | undefined
  /** Why it is to stop, said before it had begun. */
  reason: Error | undefined

  constructor(
    job: Job,
    report: JobReport,
    rest: { limitMs: number | undefined; isTold: boolean; resolve: (outcome: Outcome) => void },
  ) {
    this.job = job
    this.report = report
    this.limitMs = rest.limitMs
    this.isTold = rest.isTold
    this.resolve = rest.resolve
  }

  /** For those who ask what killed its child. */
  suspect(nowMs: number): Suspect {
    const { job, hasStarted, deaths, sentAtMs, decided } = this
    return { job, hasStarted, deaths, ranMs: nowMs - sentAtMs, decided }
  }
}
