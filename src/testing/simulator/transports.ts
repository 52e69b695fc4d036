import type { Settings } from '../../app/settings.ts'
import type { ResultBackend } from '../../backend/backend.ts'
import { openBackend } from '../../backend/open.ts'
import type { OpenRedisLine } from '../../base/redis/redis-connection.ts'
import type { Broker } from '../../broker/broker.ts'
import { declareDelays, type EnginePost, type EngineServer, openBroker } from '../../broker/open.ts'
import type { FaultKit } from './faults.ts'
import type { Ledger } from './ledger.ts'
import type { BrokerModel } from './peer.ts'
import type { SimulatedProcess } from './process.ts'
import { openRabbitLink } from './rabbit-link.ts'
import { RabbitServer } from './rabbit-server.ts'
import { openSimulatedLine } from './redis-line.ts'
import { RedisServer } from './redis-server.ts'
import { SimulatedPlace } from './simulated-place.ts'
import type { Timeline } from './timeline.ts'
import { countedBroker, remoteBroker, type Watching } from './watch.ts'

/** A connection that can be lost. */
export interface Losable {
  readonly isOpen: boolean
  /** It is lost, and the client has not been told. */
  readonly isLostUnknown: boolean
  cut(why: string): void
}

/** A process, and its connections. */
export interface Connected {
  readonly process: SimulatedProcess
  readonly links: Losable[]
}

/** What the transports of a world stand on. */
export interface TransportsOptions {
  readonly seed: number
  readonly broker: BrokerModel
  readonly timeline: Timeline
  readonly kit: FaultKit
  readonly ledger: Ledger
  /** The durable engine, where that is the broker. */
  readonly Engine: typeof EngineServer | undefined
  /** Everybody loses the owner of the engine. */
  readonly onOwnerLost: (why: string) => void
  /** The server dies, and is started again later. */
  readonly onStruck: () => void
}

/** The server of a world, of whatever kind, and how its processes reach it. */
export class Transports {
  readonly #options: TransportsOptions
  readonly #rabbit: RabbitServer | undefined
  readonly #redis: RedisServer | undefined
  readonly #place: SimulatedPlace | undefined

  constructor(options: TransportsOptions) {
    this.#options = options
    const { seed, broker, timeline, kit, ledger, Engine, onOwnerLost, onStruck } = options
    if (broker === 'amqp') this.#rabbit = new RabbitServer(timeline, kit, ledger)
    if (broker === 'redis') {
      const version = variant(seed, 1) ? '7.0' : '7.2'
      this.#redis = new RedisServer({
        timeline,
        kit,
        watch: ledger,
        blame: (problem) => ledger.blame(problem),
        version,
        onStruck,
      })
    }
    if (Engine) {
      ledger.isCoarse = true
      this.#place = new SimulatedPlace({ timeline, kit, Engine, onOwnerLost })
    }
  }

  /** The server has been in use before: in most worlds there is a place in RabbitMQ for what is for later. */
  async prepare(): Promise<void> {
    const server = this.#rabbit
    if (!server || this.#options.seed % 8 === 7) return
    await declareDelays(
      {
        declareExchange: async (spec) => server.exchanges.declare(spec),
        declareQueue: async (spec) => server.declareQueue(spec, server),
        bindQueue: async (queue, exchange, key) => server.bind(queue, exchange, key),
        bindExchange: async (to, from, key) => server.exchanges.bindExchange(to, from, key),
      },
      'quorum',
    )
  }

  /** What can die and come again; undefined where nothing can. */
  get server(): { readonly isUp: boolean; crash(): void; boot(): void } | undefined {
    return this.#rabbit ?? this.#redis
  }

  broker(connected: Connected, watching: Watching, settings: Settings): Broker {
    if (this.#rabbit) return this.#overRabbit(this.#rabbit, connected, settings)
    if (this.#redis) return this.#overRedis(this.#redis, connected, settings)
    return this.#place ? this.#overEngine(this.#place, watching, settings) : this.#inMemory(watching, settings)
  }

  backend(connected: Connected, broker: Broker, settings: Settings): ResultBackend {
    const { process } = connected
    const { seed, timeline } = this.#options
    const { resultExpiresMs, maxPendingResults, jsonTypes: types, connectTimeoutMs } = settings
    const options = { broker, resultExpiresMs, maxPendingResults, types }
    const { clock } = process
    if (this.#rabbit) return openBackend('rpc://', { ...options, clock })
    if (this.#redis) {
      // Results go over the broker in one fifth of the schedules, and are kept by the server in the others.
      if (seed % 5 === 0) return openBackend('rpc://', { ...options, clock })
      const openRedisLine = this.#linesOf(this.#redis, connected)
      return openBackend('redis://simulated', { ...options, clock, connectTimeoutMs, openRedisLine })
    }
    if (this.#place) {
      // Results go over the broker in one half of the schedules, and are kept by the engine in the other.
      const url = seed % 4 < 2 ? 'rpc://' : 'embedded:///simulated'
      return openBackend(url, { ...options, clock })
    }
    const backend = openBackend('memory://simulated', { ...options, clock: timeline })
    process.onDeath(() => void backend.stop())
    return backend
  }

  #overRabbit(server: RabbitServer, connected: Connected, settings: Settings): Broker {
    const { timeline, ledger, kit, onStruck } = this.#options
    const { process } = connected
    const { publishTimeoutMs, connectTimeoutMs, maxMessageBytes } = settings
    const onLoss = (why: string): void => ledger.lost(process.name, why)
    const onPacket = (): void => {
      if (kit.strikes('restart', 'broker')) onStruck()
    }
    // So little that workers of a few slots read on several channels as well, or as much as RabbitMQ serves well.
    const channelCredit = variant(this.#options.seed, 7) ? 2 : 512
    const net = { timeline, server, process, channelCredit, onLoss, onPacket }
    return openBroker('amqp://simulated', {
      clock: process.clock,
      publishTimeoutMs,
      connectTimeoutMs,
      maxMessageBytes,
      openLink: async (options) => {
        const link = await openRabbitLink(net, options)
        keep(connected, link)
        return link
      },
    })
  }

  #overRedis(server: RedisServer, connected: Connected, settings: Settings): Broker {
    const { publishTimeoutMs, connectTimeoutMs, maxMessageBytes } = settings
    // Leases of a minute, or of as little as a process that stands still can keep.
    const visibilityS = variant(this.#options.seed, 2) ? 3600 : 20
    return openBroker(`redis://simulated?visibility_timeout=${visibilityS}`, {
      clock: connected.process.clock,
      publishTimeoutMs,
      connectTimeoutMs,
      maxMessageBytes,
      openRedisLine: this.#linesOf(server, connected),
    })
  }

  #linesOf(server: RedisServer, connected: Connected): OpenRedisLine {
    const { process } = connected
    const onLoss = (why: string): void => this.#options.ledger.lost(process.name, why)
    const net = { server, process, onLoss, onLine: (line: Losable) => keep(connected, line) }
    return (options) => openSimulatedLine(net, options)
  }

  /** Its engine belongs to the world, and outlives every process. */
  #inMemory(watching: Watching, { maxMessageBytes }: Settings): Broker {
    const broker = openBroker('memory://simulated', { clock: this.#options.timeline, maxMessageBytes })
    watching.process.onDeath(() => void broker.stop())
    return remoteBroker(broker, watching)
  }

  /** Its engine runs in one of the processes. */
  #overEngine(
    place: SimulatedPlace,
    watching: Watching,
    { publishTimeoutMs, connectTimeoutMs, maxMessageBytes }: Settings,
  ): Broker {
    const { process } = watching
    const openPost = (): EnginePost => place.postOf(process)
    const times = { clock: process.clock, publishTimeoutMs, connectTimeoutMs }
    return countedBroker(openBroker('embedded:///simulated', { ...times, maxMessageBytes, openPost }), watching)
  }
}

/** One of the connections of a process; those that ended are forgotten. */
function keep({ links }: Connected, link: Losable): void {
  for (const old of links.splice(0)) if (old.isOpen) links.push(old)
  links.push(link)
}

/** One half of the seeds, each time another. */
function variant(seed: number, which: number): boolean {
  return ((seed * 2654435761) >>> (8 + which)) % 2 === 0
}
