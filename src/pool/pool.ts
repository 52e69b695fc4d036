import type { LagFigures } from '../base/lag.ts'
import type { Service } from '../base/service.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { TaskRequest } from '../protocol/task-message.ts'

/** One run of one task: plain data, so that it can cross into a thread or process. */
export interface Job {
  readonly request: TaskRequest
  readonly delivery: { readonly exchange: string; readonly routingKey: string; readonly redelivered: boolean }
  /** Name of the worker node, `lovage@host` say. */
  readonly hostname: string
}

/** What a pool tells while a job runs. Nothing comes after the outcome. */
export interface JobReport {
  /** The function is about to be called. */
  started(): void
  /** The task reported a state of its own (`progress()`); not final. */
  update(outcome: Outcome): void
}

/**
 * Where task code runs. `testing/pool-suite.ts` says what holds for all kinds.
 *
 * `stop` waits for nobody: what still runs is told by its signal and given up; its outcome is REJECTED with `requeue`, so
 * that another worker runs it.
 */
export interface Pool extends Service {
  readonly kind: 'async' | 'threads' | 'processes'
  /** Most jobs at once. */
  readonly size: number
  /** Jobs that run now. */
  readonly running: number
  /** Functions that were given up, at a time limit or a stop, and have not returned. They hold no slot. */
  readonly abandoned: number
  /** How late the event loop of the tasks was in the last minute, the worst where there are several; undefined: not known. */
  readonly lag?: LagFigures | undefined
  /**
   * Runs the job and resolves to its outcome; never rejects: what goes wrong is an outcome. The caller keeps `running`
   * within `size`.
   */
  run(job: Job, report: JobReport): Promise<Outcome>
  /** Asks a job to stop: its `currentTask().signal` aborts with `reason`. False when it does not run here. */
  abort(job: Job, reason: Error): boolean
  /** Changes `size`, from the next `run` on. */
  resize(size: number): void
}
