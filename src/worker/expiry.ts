import type { Clock } from '../base/clock.ts'
import type { Gate, Verdict } from './gate.ts'
import { expired } from './intake.ts'
import type { Work } from './work.ts'

/** Nobody runs a task whose time has passed, however long it waited here. */
export class Expiry implements Gate {
  readonly isDoor = true
  readonly waiting = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ask({ expiresAtMs, request }: Work): Verdict {
    return expiresAtMs === Infinity || expiresAtMs > this.#clock.now() ? 'pass' : expired(request)
  }
}
