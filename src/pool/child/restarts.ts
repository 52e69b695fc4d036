import { backoffMs } from '../../base/backoff.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import type { LovageError } from '../../base/errors.ts'
import { log } from '../../base/log.ts'

const BACKOFF = { baseMs: 100, maxMs: 10_000, jitter: true }

/** Where children cannot be started, the next try waits, and each waits longer. */
export class Restarts {
  readonly #clock: Clock
  readonly #again: () => void
  #failures = 0
  #pause: Timer | undefined

  constructor(clock: Clock, again: () => void) {
    this.#clock = clock
    this.#again = again
  }

  get isPaused(): boolean {
    return this.#pause !== undefined
  }

  succeeded(): void {
    this.#failures = 0
  }

  /** `isTold`: somebody else hears of it. */
  failed({ message, fix }: LovageError, isTold: boolean): void {
    const waitMs = backoffMs(this.#failures++, BACKOFF, this.#clock.random())
    if (!isTold) log('error', 'pool', 'child could not start', { error: message, fix, waitMs })
    this.stop()
    this.#pause = this.#clock.after(waitMs, () => {
      this.#pause = undefined
      this.#again()
    })
  }

  stop(): void {
    this.#pause?.cancel()
    this.#pause = undefined
  }
}
