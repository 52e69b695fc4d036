import { setMaxListeners } from 'node:events'
import type { App } from '../app/app.ts'
import { WorkerStopping } from '../app/control-flow.ts'
import { queueTopology } from '../app/routes.ts'
import type { Clock } from '../base/clock.ts'
import type { LagFigures } from '../base/lag.ts'
import { log } from '../base/log.ts'
import type { Consumer, Topology } from '../broker/broker.ts'
import { deadLetter } from '../broker/dead-letters.ts'
import { openPool } from '../pool/open.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { Admission } from './admission.ts'
import { Arrivals } from './arrivals.ts'
import { Credit } from './credit.ts'
import { Demand } from './demand.ts'
import { ABORTED_MS, cancelConsumer, cutOff } from './ending.ts'
import { Ends } from './ends.ts'
import { Expiry } from './expiry.ts'
import { Gates } from './gate.ts'
import { InHand } from './in-hand.ts'
import type { IntakeRules } from './intake.ts'
import { Lanes } from './lanes.ts'
import { Launch } from './launch.ts'
import { Leaving } from './leaving.ts'
import { Leases } from './leases.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import { run, type RunOptions } from './run.ts'
import { Settler } from './settle.ts'
import { Starts } from './starts.ts'
import type { Tally } from './tally.ts'
import type { Work } from './work.ts'

/** One life of a worker, from the first message to the last: arrivals, hold, gates, pools, settle. */
export class Shift {
  readonly #options: ResolvedWorkerOptions
  readonly #clock: Clock
  readonly #running: RunOptions
  readonly #arrivals: Arrivals
  readonly #admission: Admission
  readonly #gates: Gates
  readonly #lanes: Lanes
  readonly #launch: Launch
  readonly #credit: Credit
  readonly #ends: Ends
  readonly #inHand: InHand
  readonly #starts: Starts
  readonly #leases: Leases
  readonly #leaving: Leaving
  #consumer: Consumer | undefined
  #isClosing = false
  #isHurried = false
  readonly #giveUp = new AbortController()

  private constructor(app: App, options: ResolvedWorkerOptions, client: Client, clock: Clock, tally: Tally) {
    const { settings, registry, hooks } = app
    const { broker } = client
    const giveUp = this.#giveUp.signal
    // As many results may wait for the broker at a time as there are tasks in hand.
    setMaxListeners(0, giveUp)
    this.#options = options
    this.#clock = clock
    const { acceptContent: accept, maxMessageBytes: maxBodyBytes, jsonTypes: types } = settings
    const rules: IntakeRules = { registry, accept, maxBodyBytes }
    const settle = (work: Work, outcome: Outcome): void => void this.#ends.settle(work, outcome)
    const { pool: kind, concurrency: size, stallThresholdMs: stallMs } = options
    const main = openPool({ kind, registry, hooks, size, stallMs, clock, accept, types, maxBodyBytes })
    this.#lanes = new Lanes([main], (work) => this.#launch.launch(work))
    const limits = { maxLength: settings.deadLetterMax, ageMs: settings.deadLetterAgeMs }
    const settler = new Settler({
      ...client,
      clock,
      hooks,
      bury: (delivery, reason) => deadLetter(broker, delivery, reason, clock, limits),
      topologyOf: (queue): Topology => queueTopology(queue, settings),
      giveUp,
    })
    this.#running = { clock, tally, settler, hostname: options.hostname }
    this.#inHand = new InHand(clock)
    this.#ends = new Ends({ clock, inHand: this.#inHand, settler, tally, giveUp, left: (work) => this.#left(work) })
    this.#leaving = new Leaving({
      clock,
      rules,
      inHand: this.#inHand,
      settler,
      tally,
      giveUp,
      settle: (work, outcome) => this.#ends.settle(work, outcome),
      drop: (work) => this.#ends.drop(work),
    })
    this.#leases = new Leases({
      broker,
      clock,
      hostname: options.hostname,
      consumerTimeoutMs: options.consumerTimeoutMs,
      inHand: this.#inHand,
      tally,
      onStray: (delivery) => void this.#leaving.stray(delivery),
      onChange: () => this.#credit.changed(),
      giveBack: (work) => {
        this.#lanes.of(work).slots.withdraw(work)
        this.#leaving.giveBack(work, work.isAgain)
      },
      giveUp,
    })
    const { isPossible } = this.#leases
    this.#starts = new Starts({
      clock,
      limit: settings.maxDeliveries,
      run: (work) => this.#run(work),
      canRecord: () => this.#leases.isReady(),
      record: (work) => void this.#launch.record(work),
      keep: isPossible ? (work): void => void this.#leases.move(work, work.deaths) : undefined,
      replace: (work, starts) => this.#leaving.replace(work, starts),
      exhaust: settle,
      enter: (work) => this.#lanes.enter(work),
    })
    this.#gates = new Gates([new Expiry(clock)], settle)
    this.#launch = new Launch({
      clock,
      lanes: this.#lanes,
      gates: this.#gates,
      starts: this.#starts,
      leases: this.#leases,
      leaving: this.#leaving,
      run: (work) => this.#run(work),
      isClosing: () => this.#isClosing,
    })
    this.#arrivals = new Arrivals({
      clock,
      rules,
      inHand: this.#inHand,
      leaving: this.#leaving,
      starts: this.#starts,
      tally,
      settle,
      admit: (work) => this.#admission.admit(work),
    })
    const demand = new Demand(options)
    const wanted = (): number => {
      const { size, free } = this.#lanes
      const waiting = this.#lanes.waiting + this.#gates.waiting
      return demand.prefetch({ size, free, waiting, held: this.held, leased: this.#leases.size })
    }
    this.#credit = new Credit(clock, wanted, (prefetch) => this.#consumer?.setPrefetch(prefetch))
    this.#admission = new Admission({
      clock,
      gates: this.#gates,
      lanes: this.#lanes,
      credit: this.#credit,
      giveBack: (work) => this.#leaving.giveBack(work),
    })
  }

  /** Declares the queues and begins to read them. */
  static async begin(app: App, options: ResolvedWorkerOptions, clock: Clock, tally: Tally): Promise<Shift> {
    const client = await app.client()
    const shift = new Shift(app, options, client, clock, tally)
    const { broker } = client
    const { queues } = options
    await shift.#lanes.start()
    try {
      for (const queue of queues) await broker.declare(queueTopology(queue, app.settings))
      const prefetch = shift.#credit.ask()
      shift.#consumer = await broker.consume({
        queues,
        prefetch,
        onDelivery: (delivery) => shift.#arrivals.receive(delivery),
      })
    } catch (error) {
      await shift.#lanes.stop()
      throw error
    }
    return shift
  }

  get waiting(): number {
    return this.#lanes.waiting + this.#gates.waiting + this.#starts.waiting
  }

  get held(): number {
    return this.#admission.held
  }

  get running(): number {
    return this.#lanes.running
  }

  get abandoned(): number {
    return this.#lanes.abandoned
  }

  get lag(): LagFigures | undefined {
    return this.#lanes.lag
  }

  /** Ends warmly: see `WorkerOptions.gracePeriod`. */
  async end(): Promise<void> {
    this.#isClosing = true
    this.#arrivals.close()
    await cancelConsumer(this.#clock, this.#consumer)
    const unstarted = [
      ...this.#admission.close(),
      ...this.#starts.release(),
      ...this.#gates.release(),
      ...this.#lanes.close(),
    ]
    for (const work of unstarted) this.#leaving.giveBack(work)
    await this.#finish()
    await this.#leases.end()
  }

  async #finish(): Promise<void> {
    await this.#inHand.idle(this.#isHurried ? 0 : this.#options.gracePeriodMs, true)
    if (this.#inHand.isBusy) await cutOff(this.#inHand, this.#lanes)
    await this.#lanes.stop()
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

  #run(work: Work): void {
    const { pool, slots } = this.#lanes.of(work)
    void run(work, pool, this.#running).then((outcome) => {
      slots.fill()
      this.#admission.fitCredit()
      return this.#ends.settle(work, outcome)
    })
  }

  #left(work: Work): void {
    this.#starts.left(work)
    this.#gates.left(work)
    this.#leases.left(work)
  }
}

type Client = Awaited<ReturnType<App['client']>>
