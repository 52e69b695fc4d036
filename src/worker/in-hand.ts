import type { Clock } from '../base/clock.ts'
import { PassingSet } from '../base/passing.ts'
import type { Delivery } from '../broker/broker.ts'
import { Acked } from './acked.ts'
import type { Ending } from './settle.ts'
import type { Holder, Work } from './work.ts'

/** Tasks remembered as done although their acknowledgement did not reach the broker. */
const MAX_UNACKED = 10_000

/** So many that come without one that came before: nobody asks for keys any more. */
const MAX_UNASKED = 10_000

/** All messages that a worker has taken and not settled. */
export class InHand implements Holder {
  readonly #clock: Clock
  readonly #works = new PassingSet<Work>()
  /** Those of which a copy is on its way, by key. */
  readonly #passedOn = new Map<string, Work>()
  /** All, by key: made when a message comes again, and kept as long as others do. */
  #byKey: Map<string, Work> | undefined
  /** How many have come since it was last asked. */
  #unasked = 0
  /** Done, but not acknowledged: when they come again they are acknowledged and not run. */
  readonly #doneUnacked = new Set<string>()
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

  /** As they came. */
  get works(): readonly Work[] {
    return [...this.#works]
  }

  get size(): number {
    return this.#works.size + this.#others
  }

  take(work: Work): Work {
    this.#works.add(work)
    work.holder = this
    // One waits for an original to leave, and not another that the broker has made of the same copy.
    if (this.#passedOn.size > 0) this.#passedOn.delete(work.key)
    if (!this.#byKey) return work
    if (++this.#unasked > MAX_UNASKED) this.#byKey = undefined
    else enterInto(this.#byKey, work)
    return work
  }

  has(work: Work): boolean {
    return this.#works.has(work)
  }

  /** What a message is the copy of, where that is here too and not settled: see `Starts`. */
  originalOf(copy: Work): Work | undefined {
    if (this.#passedOn.size === 0 || copy.isAgain) return undefined
    const work = this.#passedOn.get(copy.key)
    return work?.isSettled ? undefined : work
  }

  passedOn(work: Work): void {
    const { key } = work
    if (work.isPassedOn && this.has(work)) this.#passedOn.set(key, work)
    else if (this.#passedOn.get(key) === work) this.#passedOn.delete(key)
  }

  drop(work: Work): void {
    this.#works.delete(work)
    work.holder = undefined
    if (work.isPassedOn) this.passedOn(work)
    if (this.#works.size === 0) this.#byKey = undefined
    else if (this.#byKey?.get(work.key) === work) this.#byKey.delete(work.key)
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
    const work = this.#index().get(key)
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

  #index(): Map<string, Work> {
    this.#unasked = 0
    if (this.#byKey) return this.#byKey
    this.#byKey = new Map()
    for (const work of this.#works) enterInto(this.#byKey, work)
    return this.#byKey
  }

  #tellIfIdle(): void {
    if (this.#onIdle && !this.isBusy) this.#onIdle()
  }
}

/** A second message of the same id that is no redelivery is run as well, as Celery does; only one can be adopted. */
function enterInto(byKey: Map<string, Work>, work: Work): void {
  const { key } = work
  const other = byKey.get(key)
  if (!other || other.isSettled || other.isPassedOn) byKey.set(key, work)
}
