import { PassingMap, PassingSet } from '../base/passing.ts'
import type { Clock } from '../base/clock.ts'
import type { Delivery } from '../broker/broker.ts'
import { Acked } from './acked.ts'
import type { Ending } from './settle.ts'
import type { Work } from './work.ts'

/** Tasks remembered as done although their acknowledgement did not reach the broker. */
const MAX_UNACKED = 10_000

/** All messages that a worker has taken and not settled. */
export class InHand {
  readonly #clock: Clock
  readonly #works = new PassingSet<Work>()
  readonly #byKey = new PassingMap<string, Work>()
  /** Done, but not acknowledged: when they come again they are acknowledged and not run. */
  readonly #doneUnacked = new PassingSet<string>()
  /** Done, and acknowledged as far as can be known here. */
  readonly #acked: Acked
  /** Messages that are no tasks. */
  #others = 0
  #onIdle: (() => void) | undefined
  #hurry: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#acked = new Acked(clock)
  }

  get isBusy(): boolean {
    return this.#works.size > 0 || this.#others > 0
  }

  get works(): Iterable<Work> {
    return this.#works
  }

  get size(): number {
    return this.#works.size + this.#others
  }

  take(work: Work): Work {
    this.#works.add(work)
    // A second message of the same id that is no redelivery is run as well, as Celery does; only one can be adopted.
    const other = this.#byKey.get(work.key)
    if (!other || other.isSettled || other.isPassedOn) this.#byKey.set(work.key, work)
    return work
  }

  has(work: Work): boolean {
    return this.#works.has(work)
  }

  /** What a message is the copy of, where that is here too and not settled: see `Starts`. */
  originalOf({ key, isAgain }: Pick<Work, 'key' | 'isAgain'>): Work | undefined {
    const work = isAgain ? undefined : this.#byKey.get(key)
    return work?.isPassedOn && !work.isSettled ? work : undefined
  }

  drop(work: Work): void {
    this.#works.delete(work)
    if (this.#byKey.get(work.key) === work) this.#byKey.delete(work.key)
    this.#tellIfIdle()
  }

  takeOther(): void {
    this.#others++
  }

  dropOther(): void {
    this.#others--
    this.#tellIfIdle()
  }

  /** A message that came again while its task is in hand, or done: true, and it need not be started another time. */
  adopts(key: string, delivery: Delivery): boolean {
    const work = this.#byKey.get(key)
    // Not by one whose copy is out: what came may be that copy, and would be acknowledged unrun with the original.
    if (work && !work.isSettled && !work.isPassedOn) work.adopt(delivery)
    else if (!this.#doneUnacked.delete(key) && !this.#acked.delete(key)) return false
    else if (!delivery.ack()) this.#doneUnacked.add(key)
    return true
  }

  /** The task is done. Its message may come again all the same: for certain where it was lost to us, or by misfortune. */
  remember({ key }: Work, ending: Ending): void {
    if (ending === 'acked') this.#acked.add(key)
    if (ending !== 'lost') return
    this.#doneUnacked.add(key)
    if (this.#doneUnacked.size <= MAX_UNACKED) return
    for (const oldest of this.#doneUnacked) return void this.#doneUnacked.delete(oldest)
  }

  /** Resolves when nothing is in hand any more, or after `ms`, or when somebody is in a hurry. */
  idle(ms: number, canHurry = false): Promise<void> {
    if (!this.isBusy) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel()
        this.#onIdle = undefined
        this.#hurry = undefined
        resolve()
      }
      const timer = this.#clock.after(ms, done)
      this.#onIdle = done
      if (canHurry) this.#hurry = done
    })
  }

  /** Ends a wait for idleness that can be hurried. */
  hurry(): void {
    this.#hurry?.()
  }

  #tellIfIdle(): void {
    if (this.#onIdle && !this.isBusy) this.#onIdle()
  }
}
