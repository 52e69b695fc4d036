import type { App } from '../app/app.ts'
import { WorkerStopping } from '../app/control-flow.ts'
import type { Client } from '../app/send.ts'
import type { Clock } from '../base/clock.ts'
import type { LagFigures } from '../base/lag.ts'
import type { Topology } from '../broker/broker.ts'
import { openPools } from '../pool/pools.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { typesFor } from '../protocol/serializer.ts'
import { Admission } from './admission.ts'
import { Arrivals } from './arrivals.ts'
import { Credit } from './credit.ts'
import { Demand } from './demand.ts'
import { cancelConsumer, finish, type StopStep } from './ending.ts'
import { Ends } from './ends.ts'
import type { Gates } from './gate.ts'
import { InHand } from './in-hand.ts'
import type { IntakeRules } from './intake.ts'
import { Lanes } from './lanes.ts'
import type { Lasting } from './lasting.ts'
import { Launch } from './launch.ts'
import { Leaving } from './leaving.ts'
import { Leases } from './leases.ts'
import { makeGates } from './make-gates.ts'
import { onceOf } from './once.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import { QueueReader } from './queue-reader.ts'
import { burying } from './reading.ts'
import { run, type RunOptions } from './run.ts'
import { Settler } from './settle.ts'
import { Starts } from './starts.ts'
import type { Steered, Steering } from './steering.ts'
import { Strangers } from './strangers.ts'
import type { TimeLimits } from './time-limits.ts'
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
  readonly #strangers: Strangers
  readonly #leases: Leases
  readonly #leaving: Leaving
  readonly #steering: Steering
  readonly #steered: Steered
  readonly #reader: QueueReader
  #isClosing = false
  #step: StopStep | undefined
  readonly #giveUp = new AbortController()

  private constructor(app: App, options: ResolvedWorkerOptions, client: Client, clock: Clock, lasting: Lasting) {
    const { tally, steering } = lasting
    const { settings, registry, hooks } = app
    const { reading } = steering
    const { broker } = client
    const giveUp = this.#giveUp.signal
    this.#options = options
    this.#clock = clock
    const { acceptContent: accept, maxMessageBytes: maxBodyBytes } = settings
    const types = typesFor(settings.resultSerializer, settings.jsonTypes)
    const rules: IntakeRules = { registry, accept, maxBodyBytes, timezone: settings.timezone }
    const settle = (work: Work, outcome: Outcome): void => void this.#ends.settle(work, outcome)
    const { pool: kind, stallThresholdMs: stallMs } = options
    const pools = openPools({ ...options, kind, stallMs, app, clock, accept, types, maxBodyBytes })
    this.#lanes = new Lanes(pools, (work) => this.#launch.launch(work))
    const known = { ...client, canvas: app.canvas, registry, accept, maxBodyBytes, clock, hooks }
    const settler = new Settler({
      ...known,
      bury: burying(broker, reading, settings, clock),
      topologyOf: (queue): Topology => reading.topologyOf(queue),
      giveUp,
    })
    const limitsOf = (work: Work): ReturnType<TimeLimits['of']> => steering.timeLimits.of(work)
    this.#running = { clock, tally, settler, hostname: options.hostname, limitsOf }
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
        work.waitsIn?.withdraw(work)
        this.#leaving.giveBack(work, work.isAgain)
      },
      giveUp,
    })
    this.#starts = new Starts({
      clock,
      limit: settings.maxDeliveries,
      run: (work) => this.#run(work),
      canRecord: () => this.#leases.isReady(),
      record: (work) => void this.#launch.record(work),
      keep: this.#leases.isPossible ? (work): void => void this.#leases.move(work, work.deaths) : undefined,
      replace: (work, starts) => this.#leaving.replace(work, starts),
      exhaust: settle,
      enter: (work) => this.#lanes.enter(work),
    })
    const { gates, revoking, limits } = makeGates({
      clock,
      steering,
      disableRateLimits: options.disableRateLimits,
      inHand: this.#inHand,
      lanes: this.#lanes,
      unhold: (work) => this.#admission.unhold(work),
      settle,
      onChange: () => this.#credit.changed(),
    })
    this.#gates = gates
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
    const onChange = (): void => this.#credit.changed()
    this.#strangers = new Strangers({ clock, app, node: options, reading, leaving: this.#leaving, settle, onChange })
    this.#arrivals = new Arrivals({
      clock,
      rules,
      inHand: this.#inHand,
      leaving: this.#leaving,
      starts: this.#starts,
      strangers: this.#strangers,
      tally,
      once: onceOf(app, clock, giveUp),
      settle,
      admit: (work) => this.#admission.admit(work),
    })
    this.#reader = new QueueReader({
      broker,
      reading,
      inHand: this.#inHand,
      onDelivery: (delivery) => this.#arrivals.receive(delivery),
    })
    const demand = new Demand(options)
    const wanted = (): number => {
      const { size, free } = this.#lanes
      const waiting = this.#lanes.waiting + this.#gates.waiting
      const held = this.held + this.#strangers.company
      return demand.prefetch({ size, free, waiting, held, leased: this.#leases.size })
    }
    this.#credit = new Credit(clock, wanted, (prefetch) => this.#reader.setPrefetch(prefetch))
    this.#admission = new Admission({
      clock,
      gates: this.#gates,
      lanes: this.#lanes,
      credit: this.#credit,
      onLoad: () => steering.look(),
      delays: broker.delays,
      giveBack: (work) => this.#leaving.giveBack(work),
      lose: (work) => this.#leaving.lose(work),
      kept: (work) => this.#leaving.kept(work),
    })
    this.#steering = steering
    this.#steered = {
      lanes: this.#lanes,
      inHand: this.#inHand,
      revoking,
      held: () => this.#admission.works,
      away: () => this.#admission.away,
      onRate: (task) => limits.changed(task),
      onResize: () => this.#credit.changed(),
      prefetch: () => this.#credit.wanted,
      read: async (queue) => {
        if (queue !== undefined) await broker.declare(reading.topologyOf(queue))
        await this.#reader.again()
        this.#credit.changed()
      },
    }
  }

  /** Declares the queues and begins to read them. */
  static async begin(app: App, options: ResolvedWorkerOptions, clock: Clock, lasting: Lasting): Promise<Shift> {
    const client = await app.client()
    const shift = new Shift(app, options, client, clock, lasting)
    const { broker } = client
    const { reading } = shift.#steering
    try {
      await shift.#lanes.start()
      shift.#steering.attach(shift.#steered)
      for (const queue of reading.queues) await broker.declare(reading.topologyOf(queue))
      // What others know to be revoked must be known before it comes.
      await lasting.ready
      const prefetch = shift.#credit.wanted
      await shift.#reader.begin(prefetch)
      shift.#credit.told(prefetch)
    } catch (error) {
      shift.#steering.detach()
      await shift.#reader.end()
      await shift.#lanes.stop()
      await shift.#leases.end()
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

  /** @see Lanes.reload */
  reload(): ReturnType<Lanes['reload']> {
    return this.#lanes.reload()
  }

  /** Ends. What has not started goes back first. */
  async end(step: StopStep): Promise<void> {
    this.#step ??= step
    this.#isClosing = true
    this.#arrivals.close()
    this.#steering.keepSize()
    await cancelConsumer(this.#clock, this.#reader)
    const unstarted = [
      ...this.#admission.close(),
      ...this.#starts.release(),
      ...this.#strangers.release(),
      ...this.#gates.release(),
      ...this.#lanes.close(),
    ]
    for (const work of unstarted) this.#leaving.giveBack(work)
    await finish(this.#inHand, this.#lanes, {
      ...this.#options,
      step: () => this.#step,
      giveUp: () => this.#giveUp.abort(new WorkerStopping()),
    })
    await this.#leases.end()
    await this.#reader.end()
    this.#steering.detach()
  }

  /** Ends with less patience from now on. */
  hurry(step: StopStep): void {
    this.#step = step
    this.#inHand.hurry()
  }

  #run(work: Work): void {
    const { pool, slots } = this.#lanes.of(work)
    void run(work, pool, this.#running).then((outcome) => {
      work.job = undefined
      slots.fill()
      this.#admission.fitCredit()
      void this.#ends.settle(work, outcome)
    })
  }

  #left(work: Work): void {
    this.#starts.left(work)
    this.#gates.left(work)
    this.#leases.left(work)
    this.#reader.left(work)
  }
}
