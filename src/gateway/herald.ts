import { hostname } from 'node:os'
import type { App } from '../app/app.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { Broker } from '../broker/broker.ts'
import { Emitter } from '../fleet/emitter.ts'
import { SOFTWARE } from '../fleet/heart.ts'
import type { Exchange } from './exchange.ts'
import type { Metrics } from './metrics.ts'
import { GatewayFigures } from './route-figures.ts'
import type { HttpParts } from './server.ts'

/** Routes in one event, the busiest: some 30 KB. */
const MOST_ROUTES = 100

/** Gateways that this process has made. */
let made = 0

/** What a herald needs. */
export interface HeraldOptions {
  readonly app: Pick<App, 'lamport'>
  readonly clock: Clock
  readonly intervalMs: number
}

/** Whom it tells of. */
export interface Told {
  /** Where the gateway is reached, while it listens. */
  readonly url: string | undefined
  /** Requests that wait for tasks now. */
  readonly inFlight: number
}

/**
 * Tells of a gateway by events on Celery's event exchange: `gateway-online`, `gateway-heartbeat`, `gateway-offline`. Celery's
 * own programs pass over groups that they do not know.
 */
export class Herald {
  /** Of a gateway of this process: `gateway-1234@host`, of later ones `gateway-1234-2@host`. */
  readonly name: string
  readonly #gateway: Told
  readonly #options: HeraldOptions
  readonly #figures: GatewayFigures
  readonly #emitter: Emitter
  #broker: Broker | undefined
  #unlisten: (() => void) | undefined
  #timer: Timer | undefined

  constructor(gateway: Told, options: HeraldOptions) {
    const { app, clock } = options
    made++
    this.name = `gateway-${process.pid}${made > 1 ? `-${made}` : ''}@${hostname()}`
    this.#gateway = gateway
    this.#options = options
    this.#figures = new GatewayFigures(clock.monotonic())
    this.#emitter = new Emitter({ clock, lamport: app.lamport, hostname: this.name })
  }

  readonly begun = (exchange: Exchange): void => this.#figures.begun(exchange)

  readonly ended = (exchange: Exchange): void => this.#figures.ended(exchange, this.#options.clock.monotonic())

  /** The broker is there: tells over it, until `stop`. */
  start(broker: Broker): void {
    if (this.#broker) return
    this.#broker = broker
    this.#emitter.open(broker)
    this.#tell('gateway-online')
    // Who watches may have given it up while the broker was away.
    this.#unlisten = broker.onState((state) => state === 'connected' && this.#tell('gateway-online'))
    this.#arm()
  }

  /** It goes. Resolves when that is told, after a second at most. */
  async stop(): Promise<void> {
    if (!this.#broker) return
    this.#timer?.cancel()
    this.#unlisten?.()
    this.#tell('gateway-offline')
    this.#broker = undefined
    await this.#emitter.close()
  }

  #arm(): void {
    const { clock, intervalMs } = this.#options
    this.#timer = clock.after(
      intervalMs,
      () => {
        this.#tell('gateway-heartbeat')
        this.#arm()
      },
      { unref: true },
    )
  }

  #tell(type: string): void {
    const { clock, intervalMs } = this.#options
    const { url = null, inFlight } = this.#gateway
    const { routes, left } = this.#figures.tell(clock.monotonic(), MOST_ROUTES)
    const freq = intervalMs / 1_000
    this.#emitter.tell(type, { freq, url, inFlight, routes, routesLeft: left, ...SOFTWARE })
  }
}

/** The herald of a gateway; undefined: it is to tell nothing. */
export function heraldOf(gateway: Told, options: HeraldOptions): Herald | undefined {
  return options.intervalMs > 0 ? new Herald(gateway, options) : undefined
}

/** Who is told of requests. */
export function watching(
  metrics: Metrics | undefined,
  herald: Herald | undefined,
): Pick<HttpParts, 'begun' | 'observe'> {
  if (!herald) return { observe: metrics?.observe }
  const observe = (exchange: Exchange): void => {
    metrics?.observe(exchange)
    herald.ended(exchange)
  }
  return { begun: herald.begun, observe }
}
