import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { systemClock, type Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { App } from '../app/app.ts'
import { childPlace } from '../app/child-place.ts'
import type { RemoteTask } from '../app/task.ts'
import { listenError, urlOf } from '../base/http-address.ts'
import type { Bind } from './bind.ts'
import { builtInRoutes } from './built-in.ts'
import { assertJoins } from './join.ts'
import { Contact } from './contact.ts'
import { deskOf } from './desk.ts'
import { Events } from './events.ts'
import { handlerAnswer } from './handler.ts'
import { Outage, Readiness } from './health.ts'
import { type Herald, heraldOf, watching } from './herald.ts'
import { Metrics } from './metrics.ts'
import { Mount } from './mount.ts'
import { aboutTask, openApi, type OpenApi, type RouteAbout } from './openapi.ts'
import { invalid, overridden, resolveOptions } from './options.ts'
import type { GatewayOptions, ListenOptions, ResolvedOptions } from './options.ts'
import type { Plugin } from './plugin.ts'
import { relay, type Desk } from './relay.ts'
import { checkHandler } from './route-checks.ts'
import { taskRoute } from './route.ts'
import type { HandlerOptions, Method, PathParams, RouteOptions, RouteRequest } from './route.ts'
import { openHttp, type HttpSide, type OpenHttp, type ServedRoute } from './server.ts'

export { bodyHash, type JoinOptions } from './join.ts'
export type { LimitOptions } from './limit.ts'
export { respond, type Reply, type RespondOptions } from './reply.ts'
export { tornadoCelery, type TornadoCeleryOptions } from './tornado-celery.ts'
export type { Middleware, Mount, PlainRequest } from './mount.ts'
export type { OpenApi } from './openapi.ts'
export type { Bind } from './bind.ts'
export type { Plugin, PluginParts } from './plugin.ts'
export type { GatewayOptions } from './options.ts'
export type { HandlerOptions, Method, PathParams, ResponseContext, RouteOptions, RouteRequest } from './route.ts'

/** What a gateway takes from around it; tests and simulators give their own. */
export interface GatewaySurroundings {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Opens what listens. Default: a server of Fastify's. */
  readonly openHttp?: OpenHttp
}

type Served = HandlerOptions & { readonly about?: RouteAbout }

/** HTTP requests become tasks, and their outcomes responses. */
export class Gateway implements Service {
  /** Binds `GET path` to a task. */
  readonly get: Bind = (path, task, options) => this.#bind('GET', path, task, options)
  /** Binds `POST path` to a task. */
  readonly post: Bind = (path, task, options) => this.#bind('POST', path, task, options)
  /** Binds `PUT path` to a task. */
  readonly put: Bind = (path, task, options) => this.#bind('PUT', path, task, options)
  /** Binds `PATCH path` to a task. */
  readonly patch: Bind = (path, task, options) => this.#bind('PATCH', path, task, options)
  /** Binds `DELETE path` to a task. */
  readonly delete: Bind = (path, task, options) => this.#bind('DELETE', path, task, options)

  /** The gateway inside of another server: `web.mount.fetch`, `.express`, `.fastify`, `.relay`; it need not be started. */
  readonly mount: Mount

  readonly #app: App
  readonly #clock: Clock
  readonly #openHttp: OpenHttp
  readonly #desk: Desk
  readonly #routes: ServedRoute[] = []
  readonly #readiness: Readiness
  readonly #metrics: Metrics | undefined
  readonly #herald: Herald | undefined
  readonly #outage: Outage
  readonly #events: Events
  #options: ResolvedOptions
  #longestWaitMs: number
  #http: HttpSide | undefined
  #url: string | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #contact: Contact | undefined

  /** @throws LovageError `OPTION_INVALID` */
  constructor(app: App, options?: GatewayOptions, around: GatewaySurroundings = {}) {
    const { clock = systemClock } = around
    this.#app = app
    this.#options = resolveOptions(options)
    this.#clock = clock
    this.#openHttp = around.openHttp ?? openHttp
    this.#longestWaitMs = this.#options.timeoutMs
    this.#outage = new Outage(clock, app.settings.publishTimeoutMs)
    this.#metrics = this.#options.metrics ? new Metrics(app, () => this.#desk.inFlight) : undefined
    this.#herald = heraldOf(this, { app, clock, intervalMs: this.#options.eventIntervalMs })
    this.mount = new Mount({
      side: () => this.#opened(),
      routes: () => this.#served(),
      bodyLimit: () => Math.max(this.#options.bodyLimit, ...this.#routes.map((route) => route.bodyLimit ?? 0)),
    })
    this.#readiness = new Readiness(() => app.client().then(({ broker }) => broker), {
      clock,
      timeoutMs: this.#options.probeTimeoutMs,
      cacheMs: this.#options.probeCacheMs,
    })
    this.#desk = deskOf(app, this.#options, clock, () => this.#outage.reason)
    this.#events = new Events({ app, clock, tickets: this.#desk.tickets, ...this.#options })
  }

  /**
   * Answers from here, without a task: `handle('GET', '/i_want_you_now', () => 'here I am')`. What it returns is answered
   * with 200: a text or bytes as they are, what `respond()` makes, anything else as JSON.
   * @throws LovageError `OPTION_INVALID`
   */
  handle<const Path extends string>(
    method: Method,
    path: Path,
    handler: (request: RouteRequest<PathParams<Path>>) => unknown,
    options: HandlerOptions = {},
  ): this {
    const where = `${method} ${path}`
    checkHandler(where, options)
    this.#serve(method, path, options, handlerAnswer(where, handler as never, options.contentType))
    return this
  }

  /** Adds the routes of a plugin: `use(tornadoCelery({ tasks: [add] }))`. @throws LovageError `OPTION_INVALID` */
  use(plugin: Plugin): this {
    for (const route of plugin({ app: this.#app, desk: this.#desk, options: this.#options })) this.#add(route)
    return this
  }

  /** Listens elsewhere than the options say: what a command line is told wins over the code. Call it before `start`. */
  listenOn(given: ListenOptions): this {
    this.#options = overridden(this.#options, given)
    return this
  }

  /** Where it listens once it is started, as its options or `listenOn` say; port 0 is any that is free. */
  get place(): { readonly host: string; readonly port: number } {
    const { host, port } = this.#options
    return { host, port }
  }

  /** Where it is reached, `http://127.0.0.1:8000` say; undefined while it does not listen. */
  get url(): string | undefined {
    return this.#url
  }

  /** The bound routes, in order: `GET /sum/:x/:y`. */
  get routes(): readonly string[] {
    return this.#routes.map(({ methods, path }) => `${methods.join(', ')} ${path}`)
  }

  /** Requests that wait for a task now. */
  get inFlight(): number {
    return this.#desk.inFlight
  }

  /**
   * Listens and connects to the broker. One that cannot be reached is tried again and again, unless `requireBroker` is
   * set, and tasks are refused until then; see {@link Contact}.
   * @throws LovageError `PORT_IN_USE`, `LISTEN_FAILED`, and what `app.client()` throws
   */
  start(): Promise<void> {
    // The module of a program that runs a gateway may also be what the children of a pool load.
    if (childPlace()) return Promise.resolve()
    if (this.#stopping) return this.#stopping.then(() => this.start())
    this.#starting ??= this.#open().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  /** Takes no new requests, lets those in flight finish for `gracePeriod`, then cuts them. */
  stop(): Promise<void> {
    this.#stopping ??= this.#close().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  /** Reads the files of `tls` again, for a certificate that was renewed. @throws LovageError `OPTION_INVALID` */
  reload(): void {
    this.#http?.reload?.()
  }

  /** The routes as OpenAPI 3.1 describes them. */
  openapi(): OpenApi {
    return openApi(this.#app.name, this.#served())
  }

  /** Sends it a request without a network, for tests. */
  inject(request: InjectOptions | string): Promise<LightMyRequestResponse> {
    return this.#side().inject(request)
  }

  #bind(method: Method, path: string, task: RemoteTask, given: RouteOptions<any, any, any> = {}): Gateway {
    const route = taskRoute(`${method} ${path}`, task, given, this.#app.registry, this.#options)
    if (route.join) assertJoins(this.#app.settings, route.join)
    this.#desk.refusal?.watch(route, given.send)
    this.#longestWaitMs = Math.max(this.#longestWaitMs, route.timeoutMs)
    const about = aboutTask(route, this.#app.registry.get(task.name))
    return this.#serve(method, path, { ...given, about }, (exchange) => {
      exchange.task = task.name
      return relay(this.#desk, route, exchange, exchange)
    })
  }

  #serve(method: Method, path: string, { body, bodyLimit, about }: Served, answer: ServedRoute['answer']): Gateway {
    return this.#add({ methods: [method], path, bodyLimit, raw: body === 'raw', about, answer })
  }

  #add(route: ServedRoute): this {
    const { path } = route
    const where = `${route.methods.join(', ')} ${path}`
    if (!path.startsWith('/')) throw invalid('path', 'does not begin with /', `Write '/${path}'`, where)
    if (this.routes.includes(where)) throw invalid('path', 'is bound twice', 'Drop one of the two', where)
    if (this.#http) throw invalid('path', 'comes too late', 'Bind all routes before start() and inject()', where)
    this.#routes.push(route)
    return this
  }

  #served(): ServedRoute[] {
    const openapi = (): OpenApi => this.openapi()
    const parts = { app: this.#app, desk: this.#desk, options: this.#options, readiness: this.#readiness, openapi }
    return [...this.#routes, ...builtInRoutes(this.#routes, { ...parts, metrics: this.#metrics, events: this.#events })]
  }

  /** For who takes requests from another server: that one does not start us. */
  #opened(): HttpSide {
    if (!this.#contact && !this.#http) {
      const contact = (this.#contact = this.#newContact())
      contact.make(false).catch((error: unknown) => log('error', 'gateway', 'no broker', { error: messageOf(error) }))
    }
    return this.#side()
  }

  #newContact(): Contact {
    return new Contact(this.#app, this.#clock, this.#outage, (broker) => this.#herald?.start(broker))
  }

  #side(): HttpSide {
    this.#http ??= this.#openHttp({
      options: this.#options,
      clock: this.#clock,
      routes: this.#served(),
      ...watching(this.#metrics, this.#herald),
      longestWaitMs: this.#longestWaitMs + this.#app.settings.publishTimeoutMs,
    })
    return this.#http
  }

  async #open(): Promise<void> {
    const { host, port, requireBroker, tls } = this.#options
    const contact = (this.#contact = this.#newContact())
    if (requireBroker) await contact.make(true)
    const http = this.#side()
    try {
      this.#url = urlOf(await http.listen(host, port), host, tls !== undefined)
    } catch (error) {
      this.#http = undefined
      await http.close()
      throw listenError(error, host, port)
    }
    this.#desk.refusal?.start()
    log('info', 'gateway', 'listening', { url: this.#url })
    if (requireBroker) return
    try {
      await contact.make(false)
    } catch (error) {
      this.#http = this.#url = undefined
      await http.close()
      throw error
    }
  }

  async #close(): Promise<void> {
    this.#contact?.end()
    this.#contact = undefined
    await this.#starting?.catch(() => {})
    const isTold = this.#herald?.stop()
    const http = this.#http
    this.#starting = this.#http = this.#url = undefined
    this.#events.close()
    await http?.close()
    this.#desk.refusal?.stop()
    await Promise.all([http && this.#desk.abandoning.close(), isTold])
  }
}

/**
 * Makes a gateway: `gateway(app, { port: 8000 }).get('/sum/:x/:y', add, { args: ... })`.
 * @throws LovageError `OPTION_INVALID`
 */
export function gateway(app: App, options?: GatewayOptions, around?: GatewaySurroundings): Gateway {
  return new Gateway(app, options, around)
}
