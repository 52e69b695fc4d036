import type { Clock } from '../base/clock.ts'
import type { BrokerDelays } from '../broker/broker.ts'
import type { Credit } from './credit.ts'
import type { Gates } from './gate.ts'
import { Hold } from './hold.ts'
import { Keeping } from './keeping.ts'
import type { Lanes } from './lanes.ts'
import type { Work } from './work.ts'

/** What admission needs. */
export interface AdmissionOptions {
  readonly clock: Clock
  readonly gates: Gates
  readonly lanes: Lanes
  readonly credit: Credit
  /** More tasks run or wait, or fewer. */
  readonly onLoad: () => void
  /** Where tasks for much later can wait. */
  readonly delays: BrokerDelays | undefined
  readonly giveBack: (work: Work) => void
  /** Its message is not ours any more. */
  readonly lose: (work: Work) => void
  /** It has left the worker, for later. */
  readonly kept: (work: Work) => void
}

/** From intake to the line for a slot: at once, or after a time in hold. */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #hold: Hold
  readonly #keeping: Keeping
  #isClosed = false

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { clock, delays } = options
    this.#hold = new Hold(clock, (work) => this.#due(work))
    this.#keeping = new Keeping({
      delays,
      clock,
      kept: (work) => this.#kept(work),
      failed: (work, untilMs) => this.#holdHere(work, untilMs),
    })
  }

  /** Tasks that wait for their time. */
  get held(): number {
    return this.#hold.size + this.#keeping.size
  }

  get works(): Iterable<Work> {
    return this.#hold.works
  }

  /** Tasks that it has left to the broker until their time. */
  get away(): readonly Work[] {
    return this.#keeping.away
  }

  /** Takes a task out of hold before its time. False: it is not there. */
  unhold(work: Work): boolean {
    const isRemoved = this.#hold.remove(work)
    if (isRemoved) this.#options.credit.changed()
    return isRemoved
  }

  admit(work: Work): void {
    const { gates, credit, giveBack } = this.#options
    if (this.#isClosed) return giveBack(work)
    if (!gates.admits(work)) return
    if (work.etaMs === undefined) return this.#enter(work)
    // One that expires before its time ends then.
    const untilMs = Math.min(work.etaMs, work.expiresAtMs)
    if (!this.#keeping.takes(work, untilMs)) this.#hold.add(work, untilMs)
    credit.changed()
  }

  /** Lets go of all that wait for their time; nothing is admitted from now on. */
  close(): Work[] {
    this.#isClosed = true
    return this.#hold.release()
  }

  /** Those who run have changed, or those who wait. */
  fitCredit(): void {
    const { lanes, gates, credit, onLoad } = this.#options
    onLoad()
    // With one pool and nobody at a gate it is the same whoever runs: nothing to be worked out for each task.
    if (lanes.areMany || gates.waiting > 0) credit.changed()
  }

  #kept(work: Work): void {
    const { kept, credit } = this.#options
    kept(work)
    credit.changed()
  }

  #holdHere(work: Work, untilMs: number): void {
    const { giveBack, lose, credit } = this.#options
    if (!work.isOurs) lose(work)
    else if (this.#isClosed) giveBack(work)
    else this.#hold.add(work, untilMs)
    credit.changed()
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
