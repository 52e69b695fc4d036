import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { App } from '../app/app.ts'
import { childPlace } from '../app/child-place.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { listenError, urlOf } from '../base/http-address.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import { log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import { embeddedHome } from '../broker/open.ts'
import { type DashboardSources, identityOf } from './context.ts'
import { type DashboardOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { PARTS } from './parts.ts'
import { type Basis, Running } from './running.ts'
import { openServer } from './server.ts'
import { sessionOf } from './session.ts'
import { WebFiles } from './web-files.ts'

export type { DashboardOptions } from './options.ts'
export type { DashboardSources } from './context.ts'
export type { HostFacts, HostOutcome, HostSource, ProcessFacts, ScheduleFacts, ScheduleSource } from './sources.ts'

/** What a dashboard takes from around it. */
export interface DashboardSurroundings extends DashboardSources {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Folder of the pages. Default: where they were built. */
  readonly web?: string
}

/** The fleet, its queues, schedules, gateways and hosts as web pages. */
export class Dashboard implements Service {
  readonly #app: App
  readonly #clock: Clock
  readonly #around: DashboardSurroundings
  readonly #lifecycle = new Lifecycle(() => new LovageError('BROKER_CLOSED'))
  #options: ResolvedOptions
  #server: FastifyInstance | undefined
  #url: string | undefined
  #running: Running | undefined

  /** @throws LovageError `OPTION_INVALID` */
  constructor(app: App, options?: DashboardOptions, around: DashboardSurroundings = {}) {
    this.#app = app
    this.#options = resolveOptions(options)
    this.#clock = around.clock ?? systemClock
    this.#around = around
  }

  /** Where it is reached, `http://127.0.0.1:5555` say; undefined while it does not listen. */
  get url(): string | undefined {
    return this.#url
  }

  /**
   * Listens. A broker that cannot be reached is tried again and again; the pages say so meanwhile.
   * @throws LovageError `PORT_IN_USE`, `LISTEN_FAILED`
   */
  start(): Promise<void> {
    // The module of a program that runs a dashboard may also be what the children of a pool load.
    if (childPlace()) return Promise.resolve()
    return this.#lifecycle.start(() => this.#open())
  }

  /** Ends all connections, then what was heard last is on disk. */
  stop(): Promise<void> {
    return this.#lifecycle.stop(async (running) => {
      await running.catch(() => {})
      await this.#close()
    })
  }

  /** Listens elsewhere than the options say. Call it before `start`. */
  listenOn({ port, host }: { readonly port?: number | undefined; readonly host?: string | undefined }): this {
    const given = resolveOptions({ ...(port !== undefined && { port }), ...(host !== undefined && { host }) })
    this.#options = { ...this.#options, port: port === undefined ? this.#options.port : given.port }
    this.#options = { ...this.#options, host: host === undefined ? this.#options.host : given.host }
    return this
  }

  /** Sends it a request without a network, once it is started. For tests. */
  inject(request: InjectOptions | string): Promise<LightMyRequestResponse> {
    if (!this.#server) throw new LovageError('BROKER_CLOSED')
    return this.#server.inject(request)
  }

  async #open(): Promise<void> {
    const { host, port } = this.#options
    const server = openServer(this.#options, new WebFiles(this.#around.web))
    const running = (this.#running = new Running(this.#basis()))
    const { context } = running
    try {
      server.get('/healthcheck', (_request, reply) => reply.type('text/plain; charset=utf-8').send('OK'))
      server.get('/api/v1/session', (request) => sessionOf(context, identityOf(request)))
      for (const part of PARTS) await part(server, context)
      running.routes(server)
      await server.listen({ host, port })
    } catch (error) {
      await this.#close()
      await server.close()
      throw (error as { syscall?: string }).syscall === undefined ? error : listenError(error, host, port)
    }
    this.#server = server
    this.#url = urlOf(server.server.address() as AddressInfo, host, false)
    log('info', 'dashboard', 'listening', { url: this.#url })
    await running.begin()
  }

  async #close(): Promise<void> {
    const server = this.#server
    const running = this.#running
    this.#server = this.#url = this.#running = undefined
    running?.endStreams()
    await server?.close()
    await running?.end()
  }

  #basis(): Basis {
    const data = this.#options.data ?? join(homeOf(this.#app), 'dashboard')
    mkdirSync(dirname(data), { recursive: true, mode: 0o700 })
    mkdirSync(data, { recursive: true, mode: 0o700 })
    const { schedules, hosts } = this.#around
    return { app: this.#app, clock: this.#clock, options: this.#options, data, sources: { schedules, hosts } }
  }
}

/**
 * Makes a dashboard: `dashboard(app, { port: 5555 })`.
 * @throws LovageError `OPTION_INVALID`
 */
export function dashboard(app: App, options?: DashboardOptions, around?: DashboardSurroundings): Dashboard {
  return new Dashboard(app, options, around)
}

function homeOf({ settings: { broker, home } }: App): string {
  return embeddedHome(/^embedded:/i.test(broker) ? broker : 'embedded://', home)
}
