import type { Clock } from '../base/clock.ts'
import type { Delivery } from '../broker/broker.ts'
import type { Headers } from '../protocol/headers.ts'
import type { DeadReason, Outcome } from '../protocol/outcome.ts'
import type { InHand } from './in-hand.ts'
import { decide, impossible, type IntakeRules } from './intake.ts'
import { copyOf } from './lease-copy.ts'
import type { Settler } from './settle.ts'
import { startsOf } from './starts.ts'
import type { Tally } from './tally.ts'
import { type Work, workKey } from './work.ts'

/** What leaving needs. */
export interface LeavingOptions {
  readonly clock: Clock
  readonly rules: IntakeRules
  readonly inHand: InHand
  readonly settler: Settler
  readonly tally: Tally
  /** Aborts when the worker cannot wait any longer. */
  readonly giveUp: AbortSignal
  readonly settle: (work: Work, outcome: Outcome) => Promise<void>
  /** It has left. */
  readonly drop: (work: Work) => void
}

/** The ways in which a message leaves a worker that does not end its task. */
export class Leaving {
  readonly #options: LeavingOptions

  constructor(options: LeavingOptions) {
    this.#options = options
  }

  /** Nothing to be done: the broker gives it to somebody again. */
  lose(work: Work): void {
    this.#options.tally.counts.lost++
    if (!work.hasStarted) void work.onLost?.()
    this.#options.drop(work)
  }

  /** Another message of its task runs. */
  drop(work: Work): void {
    const { tally, drop } = this.#options
    tally.counts[work.ack() ? 'duplicates' : 'lost']++
    drop(work)
  }

  /** It waits with the broker for its time. */
  kept(work: Work): void {
    this.#options.tally.counts.kept++
    this.#options.drop(work)
  }

  /** Back to its queue; with `asNew` as a new message, which it is to a broker that counts how often one came. */
  giveBack(work: Work, asNew = false): void {
    if (work.canRequeue && !work.moving && !asNew) this.#returned(work, work.requeue())
    else void this.#handBack(work, asNew)
  }

  /** Another copy takes the place of a message, with `added` to its headers. */
  async replace(work: Work, starts: number, added: Headers = {}): Promise<void> {
    const { settler, settle, giveUp, tally, drop } = this.#options
    try {
      const copy = copyOf(work.delivery.message, starts)
      await settler.republish(work.delivery, { ...copy, headers: { ...copy.headers, ...added } })
    } catch (error) {
      work.isPassedOn = false
      if (!giveUp.aborted) return settle(work, impossible(work.request, error))
      return this.giveBack(work)
    }
    // Not ours any more: there are two copies now, which is once more than needed and allowed.
    if (!work.ack()) tally.counts.lost++
    drop(work)
  }

  /** To the dead letters: it is no task. */
  async bury(delivery: Delivery, dead: DeadReason, failure: Outcome | undefined): Promise<void> {
    const { inHand, settler, tally } = this.#options
    inHand.takeOther()
    try {
      await settler.settleUnreadable(delivery, dead, failure)
      tally.buried(delivery.queue, dead)
    } catch {
      delivery.requeue()
    }
    inHand.dropOther()
  }

  /** A message under lease that nobody waits for: of a task in hand, or back to its queue. */
  async stray(delivery: Delivery): Promise<void> {
    const { clock, inHand, rules, settler, tally } = this.#options
    const decision = decide(delivery.message, clock.now(), rules)
    if (decision.kind !== 'unreadable' && inHand.adopts(workKey(decision.request), delivery)) {
      tally.counts.adopted++
      return
    }
    inHand.takeOther()
    try {
      await settler.republish(delivery, copyOf(delivery.message, startsOf(delivery.message)))
      delivery.ack()
    } catch {
      delivery.requeue()
    }
    inHand.dropOther()
  }

  async #handBack(work: Work, asNew: boolean): Promise<void> {
    const { settler } = this.#options
    this.#returned(work, await settler.handBack(work, asNew).catch(() => work.requeue()))
  }

  #returned(work: Work, isBack: boolean): void {
    if (isBack) this.#options.tally.counts.returned++
    else if (!work.hasStarted) void work.onLost?.()
    this.#options.drop(work)
  }
}
