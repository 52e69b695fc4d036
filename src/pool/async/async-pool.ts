import type { Registry } from '../../app/registry.ts'
import { WorkerStopping } from '../../app/control-flow.ts'
import { DueHeap } from '../../base/due-heap.ts'
import { PassingSet } from '../../base/passing.ts'
import type { LagFigures } from '../../base/lag.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { JobControl, type JobWatcher } from '../job-control.ts'
import { containRejections } from './contain.ts'
import { handedBack, perform, type PerformOptions } from '../perform.ts'
import type { Job, JobReport, Pool, PoolOptions } from '../pool.ts'
import type { StallWatch } from '../stall-watch.ts'

/**
 * Tasks on the event loop of the worker itself: truly concurrent where they wait, one after the other where they
 * compute. A function that never returns cannot be ended here, only given up.
 */
export class AsyncPool implements Pool {
  readonly kind = 'async'
  readonly #registry: Registry
  readonly #options: PerformOptions
  readonly #dues: DueHeap
  readonly #running = new PassingSet<JobControl>()
  readonly #watch: StallWatch | undefined
  readonly #app: PoolOptions['app']
  #endContainment: (() => void) | undefined
  #size: number
  #abandoned = 0
  readonly #watcher: JobWatcher = {
    ended: (control) => void this.#running.delete(control),
    abandoned: (change) => void (this.#abandoned += change),
    returned: (mark) => this.#watch?.marks.leave(mark),
  }

  /** `watch` sees to the loop that the tasks share; started and stopped with the pool. */
  constructor({ app, size, clock, accept, types, maxBodyBytes }: PoolOptions, watch?: StallWatch) {
    this.#app = app
    this.#registry = app.registry
    this.#size = size
    this.#watch = watch
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

  get lag(): LagFigures | undefined {
    return this.#watch?.lag
  }

  async start(): Promise<void> {
    if (this.#endContainment) return
    this.#endContainment = containRejections()
    this.#watch?.start()
    if (this.#app.resources.opensAtOnce) this.#watch?.follow()
    await this.#app.resources.enter()
  }

  async stop(): Promise<void> {
    for (const control of this.#running) {
      control.abort(new WorkerStopping())
      control.giveUp(handedBack(control.job.request))
    }
    this.#dues.clear()
    if (!this.#endContainment) return
    this.#endContainment()
    this.#endContainment = undefined
    this.#watch?.stop()
    await this.#app.resources.leave()
  }

  run(job: Job, report: JobReport): Promise<Outcome> {
    const control = new JobControl(job, this.#watcher)
    job.handle = control
    this.#running.add(control)
    if (!this.#watch) return perform(this.#registry, job, report, this.#options, control)
    this.#watch.follow()
    const { marks } = this.#watch
    control.mark = marks.enter(job.request.task, job.request.id)
    const outcome = perform(this.#registry, job, report, this.#options, control)
    marks.called()
    return outcome
  }

  abort(job: Job, reason: Error): boolean {
    const control = this.#controlOf(job)
    control?.abort(reason)
    return control !== undefined
  }

  end(job: Job, outcome: Outcome, reason: Error): boolean {
    const control = this.#controlOf(job)
    control?.abort(reason)
    return control?.giveUp(outcome) === true
  }

  resize(size: number): void {
    this.#size = size
  }

  #controlOf({ handle }: Job): JobControl | undefined {
    return handle instanceof JobControl && this.#running.has(handle) ? handle : undefined
  }
}
