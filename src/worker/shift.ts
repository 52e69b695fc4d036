import { setMaxListeners } from 'node:events'
import type { App } from '../app/app.ts'
import { WorkerStopping } from '../app/control-flow.ts'
import { queueTopology } from '../app/routes.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { Ring } from '../base/ring.ts'
import type { Consumer, Delivery, Topology } from '../broker/broker.ts'
import { deadLetter } from '../broker/dead-letters.ts'
import { openPool } from '../pool/open.ts'
import type { Pool } from '../pool/pool.ts'
import type { Message } from '../protocol/message.ts'
import type { DeadReason, Outcome } from '../protocol/outcome.ts'
import { Credit } from './credit.ts'
import { ABORTED_MS, cancelConsumer, cutOff } from './ending.ts'
import { Hold } from './hold.ts'
import { InHand } from './in-hand.ts'
import { decide, expired, impossible, type IntakeRules } from './intake.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import { run, type RunOptions } from './run.ts'
import { Settler } from './settle.ts'
import { canRequeue, Starts } from './starts.ts'
import type { Tally } from './tally.ts'
import { Work, workKey } from './work.ts'

/** One life of a worker, from the first message to the last: intake, hold, pool, settle. */
export class Shift {
  readonly #options: ResolvedWorkerOptions
  readonly #clock: Clock
  readonly #tally: Tally
  readonly #rules: IntakeRules
  readonly #pool: Pool
  readonly #settler: Settler
  readonly #running: RunOptions
  readonly #hold: Hold
  readonly #credit: Credit
  /** Wait for a free slot. */
  readonly #ready = new Ring<Work>()
  readonly #inHand: InHand
  readonly #starts: Starts
  /** Acknowledged early, and about to run. */
  #starting = 0
  #consumer: Consumer | undefined
  #isClosing = false
  #isHurried = false
  readonly #giveUp = new AbortController()

  private constructor(app: App, options: ResolvedWorkerOptions, client: Client, clock: Clock, tally: Tally) {
    const { settings, registry } = app
    const { broker, backend } = client
    this.#options = options
    this.#clock = clock
    this.#tally = tally
    const { acceptContent: accept, maxMessageBytes: maxBodyBytes, jsonTypes: types } = settings
    this.#rules = { registry, accept, maxBodyBytes }
    const { pool: kind, concurrency: size } = options
    this.#pool = openPool({ kind, registry, size, clock, accept, types, maxBodyBytes })
    // As many results may wait for the broker at a time as there are tasks in hand.
    setMaxListeners(0, this.#giveUp.signal)
    const limits = { maxLength: settings.deadLetterMax, ageMs: settings.deadLetterAgeMs }
    this.#settler = new Settler({
      broker,
      backend,
      clock,
      bury: (delivery, reason) => deadLetter(broker, delivery, reason, clock, limits),
      topologyOf: (queue): Topology => queueTopology(queue, settings),
      giveUp: this.#giveUp.signal,
    })
    this.#running = { pool: this.#pool, clock, tally, settler: this.#settler, hostname: options.hostname }
    this.#inHand = new InHand(clock)
    this.#starts = new Starts({
      clock,
      limit: settings.maxDeliveries,
      replace: (work, copy) => this.#replace(work, copy),
      exhaust: (work, outcome) => void this.#settle(work, outcome),
      enter: (work) => this.#enter(work),
    })
    this.#hold = new Hold(clock, (work) => this.#due(work))
    this.#credit = new Credit(clock, options.prefetch, (prefetch) => this.#consumer?.setPrefetch(prefetch))
  }

  /** Declares the queues and begins to read them. */
  static async begin(app: App, options: ResolvedWorkerOptions, clock: Clock, tally: Tally): Promise<Shift> {
    const client = await app.client()
    const shift = new Shift(app, options, client, clock, tally)
    const { broker } = client
    const { queues, prefetch } = options
    await shift.#pool.start()
    try {
      for (const queue of queues) await broker.declare(queueTopology(queue, app.settings))
      shift.#consumer = await broker.consume({ queues, prefetch, onDelivery: (delivery) => shift.#receive(delivery) })
    } catch (error) {
      await shift.#pool.stop()
      throw error
    }
    return shift
  }

  get waiting(): number {
    return this.#ready.size + this.#starts.waiting
  }

  get held(): number {
    return this.#hold.size
  }

  get running(): number {
    return this.#pool.running
  }

  get abandoned(): number {
    return this.#pool.abandoned
  }

  /** Ends warmly: see `WorkerOptions.gracePeriod`. */
  async end(): Promise<void> {
    this.#isClosing = true
    await cancelConsumer(this.#clock, this.#consumer)
    for (const work of [...this.#hold.release(), ...this.#starts.release()]) this.#return(work)
    for (let work = this.#ready.shift(); work; work = this.#ready.shift()) this.#return(work)
    await this.#inHand.idle(this.#isHurried ? 0 : this.#options.gracePeriodMs, true)
    if (this.#inHand.isBusy) await cutOff(this.#inHand, this.#pool)
    await this.#pool.stop()
    if (!this.#inHand.isBusy) return
    // What is left could not be stored or sent: the broker cannot be reached. Unsettled messages are its again.
    this.#giveUp.abort(new WorkerStopping())
    await this.#inHand.idle(ABORTED_MS)
    if (this.#inHand.isBusy) log('error', 'worker', 'stopped with messages in hand', { inHand: this.#inHand.size })
  }

  /** The grace period is over now. */
  hurry(): void {
    this.#isHurried = true
    this.#inHand.hurry()
  }

  #receive(delivery: Delivery): void {
    const decision = decide(delivery.message, this.#clock.now(), this.#rules)
    if (this.#isClosing) {
      if (decision.kind === 'unreadable') return void delivery.requeue()
      return this.#return(this.#inHand.take(new Work(delivery, decision.request)))
    }
    this.#tally.counts.received++
    if (decision.kind === 'unreadable') {
      const { dead, failure } = decision
      return this.#bury(delivery, dead, failure)
    }
    const { request } = decision
    if (delivery.redelivered && this.#inHand.adopts(workKey(request), delivery)) {
      this.#tally.counts.adopted++
      return
    }
    if (decision.kind === 'over') {
      const work = this.#inHand.take(new Work(delivery, request, this.#rules.registry.get(request.task)))
      return void this.#settle(work, decision.outcome)
    }
    const { task, etaMs, expiresAtMs } = decision
    const work = new Work(delivery, request, task, etaMs, expiresAtMs)
    const original = this.#inHand.originalOf(work)
    this.#inHand.take(work)
    this.#starts.came(work)
    // Started before its original is acknowledged, a task that kills this process would be there twice afterwards.
    if (original) original.onLeft = (): void => this.#admit(work)
    else this.#admit(work)
  }

  #admit(work: Work): void {
    if (this.#isClosing) return this.#return(work)
    if (work.etaMs === undefined) return this.#enter(work)
    this.#hold.add(work, work.etaMs)
    this.#fitCredit()
  }

  #due(work: Work): void {
    this.#fitCredit()
    this.#enter(work)
  }

  /** Each held message lets one more come, so that tasks for later do not keep those for now away. */
  #fitCredit(): void {
    const { prefetch, maxHeld } = this.#options
    this.#credit.set(prefetch + Math.min(this.#hold.size, maxHeld))
  }

  #enter(work: Work): void {
    if (this.#ready.size === 0 && this.#hasSlot) this.#launch(work)
    else this.#ready.push(work)
  }

  get #hasSlot(): boolean {
    return this.#pool.running + this.#starting < this.#pool.size && !this.#isClosing
  }

  #fill(): void {
    while (this.#hasSlot) {
      const work = this.#ready.shift()
      if (!work) return
      this.#launch(work)
    }
  }

  #launch(work: Work): void {
    const { request, task } = work
    // Waited too long: its connection was lost meanwhile. Whoever gets it again may have run it already.
    if (!work.isOurs) return this.#lose(work)
    if (work.expiresAtMs <= this.#clock.now()) return void this.#settle(work, expired(request))
    if (task?.options.acksLate !== false) return work.isAgain ? this.#starts.again(work) : this.#run(work)
    if (!work.ackEarly()) return this.#lose(work)
    // A turn later the acknowledgement is on its way: a task that kills this process does not come back.
    this.#starting++
    this.#clock.turn(() => {
      this.#starting--
      this.#run(work)
    })
  }

  #run(work: Work): void {
    void run(work, this.#running).then((outcome) => {
      this.#fill()
      return this.#settle(work, outcome)
    })
  }

  async #settle(work: Work, outcome: Outcome, isSecondTry = false): Promise<void> {
    try {
      const ending = await this.#settler.settle(work, outcome)
      // What a task refused is for whoever gets it now.
      if (outcome.state !== 'REJECTED') this.#inHand.remember(work, ending)
      this.#tally.settled(work, outcome, ending)
    } catch (error) {
      const { id, task } = work.request
      log('error', 'worker', 'task could not be settled', { id, task, state: outcome.state, error: messageOf(error) })
      // Given back it would come again at once, and end here again: for ever.
      const isHopeless = !isSecondTry && !work.isSettled && !this.#giveUp.signal.aborted
      if (isHopeless) return this.#settle(work, impossible(work.request, error), true)
      this.#tally.counts[work.requeue() ? 'returned' : 'lost']++
    }
    this.#drop(work)
  }

  /** Another copy takes the place of a message. */
  async #replace(work: Work, copy: Message): Promise<void> {
    try {
      await this.#settler.republish(work.delivery, copy)
    } catch (error) {
      work.isPassedOn = false
      if (!this.#giveUp.signal.aborted) return this.#settle(work, impossible(work.request, error))
      return this.#return(work)
    }
    // Not ours any more: there are two copies now, which is once more than needed and allowed.
    if (!work.ack()) this.#tally.counts.lost++
    this.#drop(work)
  }

  #bury(delivery: Delivery, dead: DeadReason, failure: Outcome | undefined): void {
    this.#inHand.takeOther()
    void this.#settler
      .settleUnreadable(delivery, dead, failure)
      .then(
        () => this.#tally.buried(delivery.queue, dead),
        () => void delivery.requeue(),
      )
      .then(() => this.#inHand.dropOther())
  }

  #lose(work: Work): void {
    this.#tally.counts.lost++
    this.#drop(work)
  }

  #return(work: Work): void {
    if (canRequeue(work)) this.#returned(work, work.requeue())
    else void this.#handBack(work)
  }

  async #handBack(work: Work): Promise<void> {
    this.#returned(work, await this.#settler.handBack(work).catch(() => work.requeue()))
  }

  #returned(work: Work, isBack: boolean): void {
    if (isBack) this.#tally.counts.returned++
    this.#drop(work)
  }

  #drop(work: Work): void {
    const { onLeft } = work
    // A turn later its acknowledgement is on its way.
    if (onLeft) this.#clock.turn(onLeft)
    this.#inHand.drop(work)
    this.#starts.left(work)
  }
}

type Client = Awaited<ReturnType<App['client']>>
