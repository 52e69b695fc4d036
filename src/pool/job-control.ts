import type { Outcome } from '../protocol/outcome.ts'

/** Told +1 when a function is given up while it runs, and -1 when it returns after all. */
export type OnAbandoned = (change: 1 | -1) => void

/** The strings by which a running job is held: its signal, and how to give it up. */
export class JobControl {
  readonly #onAbandoned: OnAbandoned | undefined
  #settled = false
  #aborter: AbortController | undefined
  #reason: Error | undefined
  #resolve: ((outcome: Outcome) => void) | undefined

  constructor(onAbandoned?: OnAbandoned) {
    this.#onAbandoned = onAbandoned
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

  /** Resolves to the first outcome: that of `run`, or the one it is given up with. */
  outcome(run: () => Promise<Outcome>): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      void run().then((outcome) => {
        if (this.#settled) return this.#onAbandoned?.(-1)
        this.#settled = true
        resolve(outcome)
      })
    })
  }

  /** Ends the job with this outcome, whatever its function does. False when there was an outcome before. */
  giveUp(outcome: Outcome): boolean {
    if (this.#settled || !this.#resolve) return false
    this.#settled = true
    this.#onAbandoned?.(1)
    this.#resolve(outcome)
    return true
  }
}
