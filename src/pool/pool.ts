import type { App } from '../app/app.ts'
import type { Clock } from '../base/clock.ts'
import type { LagFigures } from '../base/lag.ts'
import type { Service } from '../base/service.ts'
import type { JsonTypes } from '../protocol/json.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { TaskRequest } from '../protocol/task-message.ts'

/** One run of one task: plain data, so that it can cross into a thread or process. */
export interface Job {
  readonly request: TaskRequest
  readonly delivery: { readonly exchange: string; readonly routingKey: string; readonly redelivered: boolean }
  /** Name of the worker node, `lovage@host` say. */
  readonly hostname: string
  /** Its message is acknowledged already: it is started once, whatever becomes of it. */
  readonly isOnce?: boolean
  /** By which its pool finds it again; of no meaning to anybody else. */
  handle?: object | undefined
}

/** What a pool tells while a job runs. Nothing comes after the outcome. */
export interface JobReport {
  /** The function is about to be called. */
  started(): void
  /** The task reported a state of its own (`progress()`); not final. */
  update(outcome: Outcome): void
}

/** What of an application a pool needs. */
export type PoolApp = Pick<App, 'name' | 'registry' | 'hooks' | 'resources'>

/** What every kind of pool is told. */
export interface PoolOptions {
  readonly app: PoolApp
  /** Name of the worker node, `lovage@host` say. */
  readonly hostname: string
  /** Most jobs at once. */
  readonly size: number
  readonly clock: Clock
  /** Content types of bodies that are read. */
  readonly accept: readonly string[]
  /** Most bytes of an unpacked body. Default: any number. */
  readonly maxBodyBytes?: number
  /** How dates and bytes are written into results. */
  readonly types: JsonTypes
  /** Most jobs at once in one thread or process. Default 1. */
  readonly perChild?: number | undefined
  /** Jobs after which a thread or process is replaced. Default: any number. */
  readonly maxTasksPerChild?: number | undefined
  /** Bytes above which a thread or process is replaced, between two tasks. Default: any number. */
  readonly maxMemoryPerChild?: number | undefined
  /** How long an event loop of the tasks may stand still before that is reported; 0: never. Default: it is not watched. */
  readonly stallMs?: number | undefined
  /** Paths of the modules that define the tasks: what threads and processes load. */
  readonly modules?: readonly string[] | undefined
}

/** A kind of pool. */
export type PoolKind = 'async' | 'threads' | 'processes'

/**
 * Where task code runs. `testing/pool-suite.ts` says what holds for all kinds.
 *
 * `stop` waits for nobody: what still runs is told by its signal and given up; its outcome is REJECTED with `requeue`, so
 * that another worker runs it.
 */
export interface Pool extends Service {
  readonly kind: PoolKind
  /** Most jobs at once. */
  readonly size: number
  /** Jobs that run now. */
  readonly running: number
  /** Functions that were given up, at a time limit or a stop, and have not returned. They hold no slot. */
  readonly abandoned: number
  /** How late the event loop of the tasks was in the last minute, the worst where there are several; undefined: not known. */
  readonly lag?: LagFigures | undefined
  /** Ids of its processes, where it has processes of its own. */
  readonly pids?: readonly number[] | undefined
  /** The process that a job runs in, where the pool has processes of its own and knows. */
  pidOf?(job: Job): number | undefined
  /**
   * Runs the job and resolves to its outcome; never rejects: what goes wrong is an outcome. The caller keeps `running`
   * within `size`.
   */
  run(job: Job, report: JobReport): Promise<Outcome>
  /** Asks a job to stop: its `currentTask().signal` aborts with `reason`. False when it does not run here. */
  abort(job: Job, reason: Error): boolean
  /**
   * Ends a job with this outcome, whatever its function does: it is given up, and where it does not let go its thread or
   * process is ended. `reason` is what its signal aborts with. False when it does not run here.
   */
  end(job: Job, outcome: Outcome, reason: Error): boolean
  /** Changes `size`, from the next `run` on. */
  resize(size: number): void
  /**
   * Starts anew with the code of now: jobs that run go on where they are. Rejects with what is wrong with that code, and
   * all stays as it was. Absent where the tasks run in this very process, which cannot forget what it has loaded.
   */
  reload?(): Promise<void>
}
