import type { Clock } from '../base/clock.ts'
import type { Credit } from './credit.ts'
import type { Gates } from './gate.ts'
import { Hold } from './hold.ts'
import type { Lanes } from './lanes.ts'
import type { Work } from './work.ts'

/** What admission needs. */
export interface AdmissionOptions {
  readonly clock: Clock
  readonly gates: Gates
  readonly lanes: Lanes
  readonly credit: Credit
  readonly giveBack: (work: Work) => void
}

/** From intake to the line for a slot: at once, or after a time in hold. */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #hold: Hold
  #isClosed = false

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#hold = new Hold(options.clock, (work) => this.#due(work))
  }

  /** Tasks that wait for their time. */
  get held(): number {
    return this.#hold.size
  }

  admit(work: Work): void {
    const { gates, credit, giveBack } = this.#options
    if (this.#isClosed) return giveBack(work)
    if (!gates.admits(work)) return
    if (work.etaMs === undefined) return this.#enter(work)
    this.#hold.add(work, work.etaMs)
    credit.changed()
  }

  /** Lets go of all that wait for their time; nothing is admitted from now on. */
  close(): Work[] {
    this.#isClosed = true
    return this.#hold.release()
  }

  /** Those who run have changed, or those who wait. */
  fitCredit(): void {
    const { lanes, gates, credit } = this.#options
    // With one pool and nobody at a gate it is the same whoever runs: nothing to be worked out for each task.
    if (lanes.areMany || gates.waiting > 0) credit.changed()
  }

  #due(work: Work): void {
    this.#options.credit.changed()
    if (this.#options.gates.admits(work)) this.#enter(work)
  }

  #enter(work: Work): void {
    this.#options.lanes.enter(work)
    this.fitCredit()
  }
}
