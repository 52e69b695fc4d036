import type { Clock } from '../base/clock.ts'
import type { Delivery } from '../broker/broker.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { InHand } from './in-hand.ts'
import { decide, type IntakeRules } from './intake.ts'
import { leaseOf, Returned } from './lease-copy.ts'
import type { Leaving } from './leaving.ts'
import type { Once } from './once.ts'
import type { Starts } from './starts.ts'
import type { Strangers } from './strangers.ts'
import type { Tally } from './tally.ts'
import { Work, workKey } from './work.ts'

/** What taking messages in needs. */
export interface ArrivalsOptions {
  readonly clock: Clock
  readonly rules: IntakeRules
  readonly inHand: InHand
  readonly leaving: Leaving
  readonly starts: Starts
  readonly strangers: Strangers
  readonly tally: Tally
  readonly once: Once
  readonly settle: (work: Work, outcome: Outcome) => void
  /** It has been taken into hand. */
  readonly admit: (work: Work) => void
}

/** Takes messages in: each becomes a task in hand, or is one already, or is over before it began. */
export class Arrivals {
  readonly #options: ArrivalsOptions
  #isClosed = false

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  /** What comes from now on goes back as it came. */
  close(): void {
    this.#isClosed = true
  }

  receive(given: Delivery): void {
    const { clock, rules, inHand, leaving, starts, strangers, tally, settle } = this.#options
    const isFromLease = leaseOf(given.message) !== undefined
    const delivery = isFromLease ? new Returned(given) : given
    const decision = decide(delivery.message, clock.now(), rules)
    if (this.#isClosed) {
      if (decision.kind === 'unreadable') return void delivery.requeue()
      return leaving.giveBack(inHand.take(new Work(delivery, decision.request)))
    }
    tally.counts.received++
    if (decision.kind === 'unreadable') {
      const { dead, failure } = decision
      return void leaving.bury(delivery, dead, failure)
    }
    const { request } = decision
    if ((delivery.redelivered || isFromLease) && inHand.adopts(workKey(request), delivery)) {
      tally.counts.adopted++
      return
    }
    if (decision.kind === 'over') {
      const work = inHand.take(new Work(delivery, request, rules.registry.get(request.task)))
      // Too late by itself, and another message of its task may run: that one tells the end.
      return this.#ifFirst(work, () => settle(work, decision.outcome))
    }
    if (decision.kind === 'unknown') {
      const { outcome, expiresAtMs } = decision
      return strangers.meet(inHand.take(new Work(delivery, request, undefined, undefined, expiresAtMs)), outcome)
    }
    const { task, etaMs, expiresAtMs } = decision
    const work = new Work(delivery, request, task, etaMs, expiresAtMs)
    const original = inHand.originalOf(work)
    inHand.take(work)
    tally.received(work)
    starts.came(work)
    this.#ifFirst(work, () => this.#admit(work, original))
  }

  /** Of a task that is to run once one message counts: the others are dropped. */
  #ifFirst(work: Work, act: () => void): void {
    const { once, leaving } = this.#options
    const asking = once.ask(work)
    if (asking) void asking.then((isFirst) => (isFirst ? act() : leaving.drop(work)))
    else act()
  }

  #admit(work: Work, original: Work | undefined): void {
    const { admit } = this.#options
    // Started before its original is acknowledged, a task that kills this process would be there twice afterwards.
    if (original && !original.isSettled) original.onLeft = (): void => admit(work)
    else admit(work)
  }
}
