import type { Outcome } from '../protocol/outcome.ts'
import type { Job } from './pool.ts'

/** Who wants to know of the ends of a job. */
export interface JobWatcher {
  /** It has an outcome: its slot is free. */
  ended(control: JobControl): void
  /** Its function was given up while it runs (+1), or has returned after all (-1). */
  abandoned(change: 1 | -1): void
  /** Its function has returned, given up before or not. */
  returned?(mark: number): void
}

/** The strings by which a running job is held: its signal, and how to give it up. */
export class JobControl {
  readonly job: Job
  readonly #watcher: JobWatcher | undefined
  #settled = false
  #aborter: AbortController | undefined
  #reason: Error | undefined
  /** By which the watcher knows it when its function has returned. */
  mark = -1
  #resolve!: (outcome: Outcome) => void
  /** Resolves to the first outcome: what its function comes to, or what it is given up with. */
  readonly outcome: Promise<Outcome>

  constructor(job: Job, watcher?: JobWatcher) {
    this.job = job
    this.#watcher = watcher
    this.outcome = new Promise((resolve) => (this.#resolve = resolve))
  }

  /** The job has an outcome; what its function does from now on changes nothing. */
  get settled(): boolean {
    return this.#settled
  }

  /** Made when somebody asks for it: most tasks never do. */
  get signal(): AbortSignal {
    if (!this.#aborter) {
      this.#aborter = new AbortController()
      if (this.#reason) this.#aborter.abort(this.#reason)
    }
    return this.#aborter.signal
  }

  /** Why the signal aborted; undefined while it has not. */
  get reason(): Error | undefined {
    return this.#reason
  }

  /** Aborts the signal, once. */
  abort(reason: Error): void {
    if (this.#reason || this.#settled) return
    this.#reason = reason
    this.#aborter?.abort(reason)
  }

  /** Its function has come to an end. */
  returned(outcome: Outcome): void {
    this.#watcher?.returned?.(this.mark)
    if (this.#settled) this.#watcher?.abandoned(-1)
    else this.#settle(outcome)
  }

  /** Ends the job with this outcome, whatever its function does. False when there was an outcome before. */
  giveUp(outcome: Outcome): boolean {
    if (this.#settled) return false
    this.#watcher?.abandoned(1)
    this.#settle(outcome)
    return true
  }

  #settle(outcome: Outcome): void {
    this.#settled = true
    this.#watcher?.ended(this)
    this.#resolve(outcome)
  }
}
