import type { App } from '../../app/app.ts'
import type { Settings } from '../../app/settings.ts'
import type { ResultBackend } from '../../backend/backend.ts'
import { sleep } from '../../base/clock.ts'
import type { Broker } from '../../broker/broker.ts'
import type { Store } from '../../store/store.ts'
import { remoteStore } from './remote-store.ts'
import type { EngineServer } from '../../broker/open.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { FaultKit, type Faults } from './faults.ts'
import { Ledger, type TaskFacts } from './ledger.ts'
import type { BrokerModel, MadeApp, Peer, Wrap } from './peer.ts'
import { type Blow, SimulatedProcess } from './process.ts'
import type { SimulatedSurroundings, WorkerChoice } from './simulate.ts'
import { simulatedHttp } from './simulated-http.ts'
import { Timeline } from './timeline.ts'
import { Trace } from './trace.ts'
import { type Connected, Transports } from './transports.ts'
import { type Watching, watchBackend, watchBroker, watchTasks } from './watch.ts'
import { WorkerSlot } from './worker-slot.ts'

/** How a world is made. */
export interface WorldOptions<Made extends MadeApp> {
  readonly seed: number
  readonly broker: BrokerModel
  readonly makeApp: App | ((around: SimulatedSurroundings) => Made)
  readonly workers: number
  readonly workerOptions: WorkerChoice
  readonly faults: Faults
  readonly strikes: readonly number[] | undefined
  readonly wrap: Wrap
  /** The durable engine, where that is the broker. */
  readonly Engine: typeof EngineServer | undefined
  readonly isTraced: boolean
}

interface Living extends Connected {
  app: App | undefined
  backend: ResultBackend | undefined
}

/** Longest time for which a broker that died is away. */
const DOWN_MS = 8_000

/** One schedule's world: a broker, workers and whatever else the scenario starts, on one timeline. */
export class World<Made extends MadeApp> {
  readonly seed: number
  readonly broker: BrokerModel
  readonly timeline: Timeline
  readonly kit: FaultKit
  readonly trace: Trace
  readonly ledger: Ledger
  readonly workers: WorkerSlot[] = []
  readonly #options: WorldOptions<Made>
  readonly #transports: Transports
  readonly #living = new Set<Living>()

  constructor(options: WorldOptions<Made>) {
    const { seed, broker, faults, strikes, workers, isTraced } = options
    this.#options = options
    this.seed = seed
    this.broker = broker
    this.timeline = new Timeline(seed)
    this.trace = new Trace(this.timeline, isTraced)
    this.kit = new FaultKit({
      seed,
      faults,
      only: strikes,
      nowMs: () => this.timeline.monotonic(),
      onStrike: ({ at, fault, number }) => this.trace.add(at, `* strike ${number}: ${fault}`),
    })
    this.ledger = new Ledger(this.trace, () => this.timeline.monotonic())
    const { timeline, kit, ledger } = this
    const lost = (why: string): void => {
      for (const { process } of this.#living) ledger.lost(process.name, why)
    }
    const { Engine } = options
    const onStruck = (): void => this.restartBroker()
    this.#transports = new Transports({ seed, broker, timeline, kit, ledger, Engine, onOwnerLost: lost, onStruck })
    for (let at = 0; at < workers; at++) this.#addSlot()
  }

  /** Before anything begins. */
  prepare(): Promise<void> {
    return this.#transports.prepare()
  }

  /** One more worker, which begins at once; its number, from 0. */
  addWorker(): number {
    this.#addSlot().start()
    return this.workers.length - 1
  }

  /** Starts a process in which nothing runs but what its caller does with it. */
  peer(name: string, isMortal = false): Peer<Made> {
    const onBlow = (blow: Blow): void => {
      if (blow === 'crash') peer.kill()
    }
    const process = new SimulatedProcess(name, this.timeline, this.kit, isMortal ? onBlow : undefined)
    const made = this.#settle(process, () => process.kill(true))
    const peer: Peer<Made> = {
      name,
      made,
      clock: process.clock,
      openHttp: simulatedHttp(process),
      get isAlive() {
        return process.isAlive
      },
      gone: new Promise((resolve) => process.onDeath(resolve)),
      run: (fn) => process.within(fn),
      kill: () => {
        if (process.isAlive) this.trace.add(name, 'dies')
        process.kill()
      },
    }
    return peer
  }

  /** Loses the connections of a process, where its broker has any. */
  cut(name: string): void {
    for (const { process, links } of this.#living) {
      if (process.name === name) for (const link of links) link.cut('it was cut')
    }
  }

  /** The broker dies, and comes again after a while. A broker in memory does not. */
  restartBroker(): void {
    const server = this.#transports.server
    if (!server?.isUp) return
    this.trace.add('broker', 'dies')
    server.crash()
    const { timeline } = this
    timeline.at(timeline.monotonic() + this.kit.between(10, DOWN_MS), () => {
      this.trace.add('broker', 'is there again')
      server.boot()
    })
  }

  facts(id: string): TaskFacts | undefined {
    return this.ledger.tasks.get(id)
  }

  outcomes(id: string): readonly Outcome[] {
    return this.facts(id)?.outcomes ?? []
  }

  sleep(ms: number): Promise<void> {
    return sleep(this.timeline, ms)
  }

  /** Blames what is left of waits that ended. */
  judgeWaits(): void {
    for (const { process, backend } of this.#living) {
      const waiting = backend?.waiting ?? 0
      const unheard = this.ledger.unheard(process.name)
      if (waiting > unheard) this.ledger.blame(`${process.name} keeps ${waiting} waits, of which ${unheard} are open`)
    }
  }

  /** Closes every application that is open. */
  async close(): Promise<void> {
    await Promise.all([...this.#living].map(async ({ app }) => app?.close()))
  }

  /** Kills what lives. */
  end(): void {
    for (const slot of this.workers) slot.end()
    for (const { process } of this.#living) process.kill()
  }

  #addSlot(): WorkerSlot {
    const at = this.workers.length
    const slot = new WorkerSlot(`worker-${at + 1}`, this.#grounds(at))
    this.workers.push(slot)
    return slot
  }

  #grounds(at: number): ConstructorParameters<typeof WorkerSlot>[1] {
    const { timeline, kit, trace } = this
    const { workerOptions } = this.#options
    const options = typeof workerOptions === 'function' ? workerOptions(at) : workerOptions
    const onTrouble = (): void => void (this.ledger.isTroubled = true)
    return { timeline, kit, trace, options, onTrouble, settle: (process, die) => this.#settle(process, die).app }
  }

  /** Makes the application of a process. */
  #settle(process: SimulatedProcess, die: () => void): Made {
    const living: Living = { process, links: [], app: undefined, backend: undefined }
    this.#living.add(living)
    process.onDeath(() => this.#living.delete(living))
    const { ledger, kit } = this
    const isBlind = (): boolean => living.links.some((link) => link.isLostUnknown)
    const watching: Watching = { process, ledger, kit, isBlind }
    const open = (settings: Settings): { broker: Broker; backend: ResultBackend } => {
      const { wrap } = this.#options
      const transport = this.#transports.broker(living, watching, settings)
      const broker = watchBroker(wrap.broker?.(transport, process.name) ?? transport, watching)
      const own = this.#transports.backend(living, broker, settings)
      living.backend = own
      return { broker, backend: watchBackend(wrap.backend?.(own, process.name) ?? own, watching) }
    }
    const { makeApp } = this.#options
    const { clock, name } = process
    const openStore = ({ maxMessageBytes }: Settings): Store => remoteStore(process, this.timeline, maxMessageBytes)
    const around: SimulatedSurroundings = { clock, env: {}, open, openStore, process: name, die }
    let made: Made
    if (typeof makeApp === 'function') {
      made = makeApp(around)
    } else {
      // The application of a module: its tasks, wherever they are called in this process, are those of this one.
      const app = makeApp.within(around)
      process.enter(new Map([[makeApp, app]]))
      made = { app } as MadeApp as Made
    }
    living.app = made.app
    watchTasks(made.app, watching)
    return made
  }
}
