import type { Registry } from '../../app/registry.ts'
import { WorkerStopping } from '../../app/control-flow.ts'
import { DueHeap } from '../../base/due-heap.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { JobControl, type JobWatcher } from '../job-control.ts'
import { handedBack, perform, type PerformOptions } from '../perform.ts'
import type { Job, JobReport, Pool, PoolOptions } from '../pool.ts'

/**
 * Tasks on the event loop of the worker itself: truly concurrent where they wait, one after the other where they
 * compute. A function that never returns cannot be ended here, only given up.
 */
export class AsyncPool implements Pool {
  readonly kind = 'async'
  readonly #registry: Registry
  readonly #options: PerformOptions
  readonly #dues: DueHeap
  readonly #running = new Map<Job, JobControl>()
  #size: number
  #abandoned = 0
  readonly #watcher: JobWatcher = {
    ended: (job) => void this.#running.delete(job),
    abandoned: (change) => void (this.#abandoned += change),
  }

  constructor({ app, size, clock, accept, types, maxBodyBytes }: PoolOptions) {
    this.#registry = app.registry
    this.#size = size
    // Time limits alone need not keep a process alive: who waits for the task does.
    this.#dues = new DueHeap(clock, { unref: true })
    const limits = maxBodyBytes === undefined ? {} : { maxBodyBytes }
    this.#options = { clock, accept, types, ...limits, hooks: app.hooks, dues: this.#dues }
  }

  get size(): number {
    return this.#size
  }

  get running(): number {
    return this.#running.size
  }

  get abandoned(): number {
    return this.#abandoned
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const [job, control] of this.#running) {
      control.abort(new WorkerStopping())
      control.giveUp(handedBack(job.request))
    }
    this.#dues.clear()
  }

  run(job: Job, report: JobReport): Promise<Outcome> {
    const control = new JobControl(job, this.#watcher)
    this.#running.set(job, control)
    return perform(this.#registry, job, report, this.#options, control)
  }

  abort(job: Job, reason: Error): boolean {
    const control = this.#running.get(job)
    control?.abort(reason)
    return control !== undefined
  }

  end(job: Job, outcome: Outcome, reason: Error): boolean {
    const control = this.#running.get(job)
    control?.abort(reason)
    return control?.giveUp(outcome) === true
  }

  resize(size: number): void {
    this.#size = size
  }
}
