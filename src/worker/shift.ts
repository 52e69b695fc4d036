import { setMaxListeners } from 'node:events'
import type { App } from '../app/app.ts'
import { WorkerStopping } from '../app/control-flow.ts'
import { queueTopology } from '../app/routes.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Consumer, Delivery, Topology } from '../broker/broker.ts'
import { deadLetter } from '../broker/dead-letters.ts'
import { Pools } from '../pool/pools.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { Credit } from './credit.ts'
import { ABORTED_MS, cancelConsumer, cutOff } from './ending.ts'
import { Hold } from './hold.ts'
import { InHand } from './in-hand.ts'
import { decide, expired, impossible, type IntakeRules } from './intake.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import { Returned, leaseOf } from './lease-copy.ts'
import { Leaving } from './leaving.ts'
import { Leases } from './leases.ts'
import { run, type RunOptions } from './run.ts'
import { Settler } from './settle.ts'
import { Slots } from './slots.ts'
import { Starts } from './starts.ts'
import type { Tally } from './tally.ts'
import { Work, workKey } from './work.ts'

/** One life of a worker, from the first message to the last: intake, hold, pool, settle. */
export class Shift {
  readonly #options: ResolvedWorkerOptions
  readonly #clock: Clock
  readonly #tally: Tally
  readonly #rules: IntakeRules
  readonly #pool: Pools
  readonly #settler: Settler
  readonly #running: RunOptions
  readonly #hold: Hold
  readonly #credit: Credit
  readonly #slots: Slots
  readonly #inHand: InHand
  readonly #starts: Starts
  readonly #leases: Leases
  readonly #leaving: Leaving
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
    this.#pool = new Pools({ ...options, kind: options.pool, app, clock, accept, types, maxBodyBytes })
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
    this.#leaving = new Leaving({
      clock,
      rules: this.#rules,
      inHand: this.#inHand,
      settler: this.#settler,
      tally,
      giveUp: this.#giveUp.signal,
      settle: (work, outcome) => this.#settle(work, outcome),
      drop: (work) => this.#drop(work),
    })
    this.#slots = new Slots(
      (starting) => this.#pool.running + starting < this.#pool.size,
      (work) => this.#launch(work),
    )
    this.#leases = new Leases({
      broker,
      clock,
      hostname: options.hostname,
      consumerTimeoutMs: options.consumerTimeoutMs,
      inHand: this.#inHand,
      tally,
      onStray: (delivery) => void this.#leaving.stray(delivery),
      onChange: () => this.#fitCredit(),
      giveBack: (work) => {
        this.#slots.withdraw(work)
        this.#leaving.giveBack(work, work.isAgain)
      },
      giveUp: this.#giveUp.signal,
    })
    const { isPossible } = this.#leases
    this.#starts = new Starts({
      clock,
      limit: settings.maxDeliveries,
      run: (work) => this.#run(work),
      canRecord: () => this.#leases.isReady(),
      record: (work) => void this.#record(work),
      keep: isPossible ? (work): void => void this.#leases.move(work, work.deaths) : undefined,
      replace: (work, starts) => this.#leaving.replace(work, starts),
      exhaust: (work, outcome) => void this.#settle(work, outcome),
      enter: (work) => this.#slots.enter(work),
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
    return this.#slots.waiting + this.#starts.waiting
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
    for (const work of [...this.#hold.release(), ...this.#starts.release(), ...this.#slots.close()])
      this.#leaving.giveBack(work)
    await this.#finish()
    await this.#leases.end()
  }

  async #finish(): Promise<void> {
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

  #receive(given: Delivery): void {
    const isFromLease = leaseOf(given.message) !== undefined
    const delivery = isFromLease ? new Returned(given) : given
    const decision = decide(delivery.message, this.#clock.now(), this.#rules)
    if (this.#isClosing) {
      if (decision.kind === 'unreadable') return void delivery.requeue()
      return this.#leaving.giveBack(this.#inHand.take(new Work(delivery, decision.request)))
    }
    this.#tally.counts.received++
    if (decision.kind === 'unreadable') {
      const { dead, failure } = decision
      return void this.#leaving.bury(delivery, dead, failure)
    }
    const { request } = decision
    if ((delivery.redelivered || isFromLease) && this.#inHand.adopts(workKey(request), delivery)) {
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
    if (this.#isClosing) return this.#leaving.giveBack(work)
    if (work.etaMs === undefined) return this.#slots.enter(work)
    this.#hold.add(work, work.etaMs)
    this.#fitCredit()
  }

  #due(work: Work): void {
    this.#fitCredit()
    this.#slots.enter(work)
  }

  /**
   * Each held message lets one more come, so that tasks for later do not keep those for now away. One under a lease takes
   * no credit, and lets none come for that.
   */
  #fitCredit(): void {
    const { prefetch, maxHeld } = this.#options
    this.#credit.set(Math.max(1, prefetch + Math.min(this.#hold.size, maxHeld) - this.#leases.size))
  }

  #launch(work: Work): void {
    const { request, task } = work
    // Waited too long: its connection was lost meanwhile. Whoever gets it again may have run it already.
    if (!work.isOurs) return this.#leaving.lose(work)
    if (work.expiresAtMs <= this.#clock.now()) return void this.#settle(work, expired(request))
    if (task?.options.acksLate !== false) return this.#starts.start(work)
    const free = this.#slots.reserve()
    const start = (): void => {
      free()
      this.#run(work)
    }
    const acknowledge = (): void => {
      // A turn later the acknowledgement is on its way: a task that kills this process does not come back.
      if (!this.#isClosing && work.ackEarly()) return this.#clock.turn(start)
      free()
      this.#leaving[this.#isClosing ? 'giveBack' : 'lose'](work)
    }
    if (work.moving) void work.moving.then(acknowledge)
    else acknowledge()
  }

  /** Has the broker know of a start in time. */
  async #record(work: Work): Promise<void> {
    const free = this.#slots.reserve()
    const isRecorded = await this.#leases.move(work, work.deaths + 1)
    // A turn later the acknowledgement of the one before is on its way: a task that kills this process is there once.
    this.#clock.turn(() => {
      free()
      if (this.#isClosing) return this.#leaving.giveBack(work)
      if (isRecorded || !work.isOurs) this.#launch(work)
      else this.#starts.passOn(work)
      this.#slots.fill()
    })
  }

  #run(work: Work): void {
    void run(work, this.#running).then((outcome) => {
      this.#slots.fill()
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

  #drop(work: Work): void {
    const { onLeft } = work
    // A turn later its acknowledgement is on its way.
    if (onLeft) this.#clock.turn(onLeft)
    this.#inHand.drop(work)
    this.#starts.left(work)
    this.#leases.left(work)
  }
}

type Client = Awaited<ReturnType<App['client']>>
