import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import fastify, {
  type FastifyReply,
  type FastifyRequest,
  type InjectOptions,
  type LightMyRequestResponse,
} from 'fastify'
import type { Clock } from '../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { loggedUrl } from './access-line.ts'
import { type Exchanged, exchangeOf, readBodies } from './body.ts'
import { Connections } from './connections.ts'
import { Exchange } from './exchange.ts'
import { hostCheck } from '../base/host-check.ts'
import type { RouteAbout } from './openapi.ts'
import type { ResolvedOptions } from './options.ts'
import { listener } from './listener.ts'
import { isMounted } from './mount.ts'
import { isPreflight, originCheck, preflightHeaders } from '../base/http-origins.ts'
import { pathMethods } from './path-methods.ts'
import { readTls } from './tls.ts'
import { errorReply, type Reply } from './reply.ts'

/** One route as the server needs it: what to do with a request, as data in and data out. */
export interface ServedRoute {
  readonly methods: readonly string[]
  readonly path: string
  readonly bodyLimit: number | undefined
  /** The body is bytes, whatever its media type. */
  readonly raw: boolean
  /** What documents tell of it. */
  readonly about?: RouteAbout | undefined
  /** Must not reject. */
  readonly answer: (exchange: Exchange) => Reply | Promise<Reply>
}

/** Connections that wait to be accepted; Node's default of 511 refuses a burst of 1,000 clients. */
const BACKLOG = 4096

/** The HTTP side of a gateway: Fastify, its limits, and the way from a request to an exchange and from a reply to bytes. */
export interface HttpSide {
  /** Resolves with where it listens. */
  listen(host: string, port: number): Promise<AddressInfo>
  /** Takes a request that another server has accepted. Undefined where there are no sockets. */
  handle?(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Takes a request that came over no network. */
  inject(request: InjectOptions | string): Promise<LightMyRequestResponse>
  /** Reads certificates again; connections that are open keep theirs. @throws LovageError `OPTION_INVALID` */
  reload?(): void
  /**
   * From now on new requests get 503, and connections close as they become idle. Resolves when all are closed; those that
   * still carry a request after the grace period are cut.
   */
  close(): Promise<void>
}

/** What an {@link openHttp} needs. */
export interface HttpParts {
  readonly options: ResolvedOptions
  readonly clock: Clock
  readonly routes: readonly ServedRoute[]
  /** Longest time that a route may keep its client waiting, in milliseconds. */
  readonly longestWaitMs: number
  /** Told of each request whose headers are read. */
  readonly begun?: ((exchange: Exchange) => void) | undefined
  /** Told of each request that has ended. */
  readonly observe?: ((exchange: Exchange) => void) | undefined
}

/** Opens the HTTP side of a gateway; a simulator has one without sockets. */
export type OpenHttp = (parts: HttpParts) => HttpSide

/** Builds the server; it does not listen yet. */
export const openHttp: OpenHttp = ({ options, clock, routes, longestWaitMs, begun, observe }) => {
  const connections = new Connections()
  const hostAllowed = hostCheck(options.allowedHosts, options.host)
  const origins = originCheck(options.allowedOrigins)
  const methodsOf = pathMethods(routes)
  let draining = false

  const begin = (request: FastifyRequest, reply: FastifyReply): Exchange => {
    const exchange = new Exchange(request, reply.raw, clock)
    ;(request as Exchanged).exchange = exchange
    exchange.route = request.routeOptions?.url
    begun?.(exchange)
    const { socket } = request.raw
    connections.begin(socket, reply.raw)
    reply.raw.on('close', () => {
      exchange.close()
      observe?.(exchange)
      connections.end(socket)
    })
    return exchange
  }

  const send = (reply: FastifyReply, answer: Reply): void => {
    if (reply.raw.destroyed) return
    exchangeOf(reply.request).error = answer.error
    // Without it the client would keep the connection for a next request, and the server would wait for that.
    if (draining) reply.header('connection', 'close')
    const { vary } = answer.headers
    const before = vary === undefined ? undefined : reply.getHeader('vary')
    reply.code(answer.status).headers(answer.headers)
    // What is kept by caches must tell of both, or one origin is given what was granted to another.
    if (before !== undefined) reply.header('vary', `${String(before)}, ${vary}`)
    reply.send(answer.body)
  }

  // More than one where the host has several addresses, as localhost has.
  const listeners: Server[] = []
  const server = fastify({
    serverFactory: (handler) => {
      const made = listener(options, connections, longestWaitMs, handler)
      listeners.push(made)
      return made
    },
    logger: false,
    exposeHeadRoutes: false,
    bodyLimit: options.bodyLimit,
    // Ours answers in the shape of every other error, and lets what was accepted finish.
    return503OnClosing: false,
    routerOptions: { maxParamLength: options.maxUrlLength },
    clientErrorHandler: () => {},
    frameworkErrors: (error, request, reply) => {
      begin(request, reply)
      send(reply, errorReply(ourError(error, options)))
    },
  })
  // Named in advance, so that all requests have one shape.
  server.decorateRequest('exchange', null)
  readBodies(server)

  server.addHook('onRequest', (request, reply, next) => {
    begin(request, reply)
    const granted = origins.grant(request.headers)
    if (granted) reply.headers(granted)
    const refusal = refuse(request)
    if (refusal) send(reply, errorReply(refusal))
    else if (granted && 'access-control-allow-origin' in granted && isPreflight(request.method, request.headers)) {
      const headers = preflightHeaders(methodsOf(pathOf(request)), request.headers)
      send(reply, { status: 204, headers, body: '' })
    } else next()
  })

  const refuse = ({ raw }: FastifyRequest): LovageError | undefined => {
    const url = raw.url ?? ''
    if (!isMounted() && !hostAllowed(raw.headers.host))
      return new LovageError('HOST_REFUSED', { host: shownHost(raw.headers.host) })
    if (url.length > options.maxUrlLength) return new LovageError('URL_TOO_LONG', { limit: options.maxUrlLength })
    // A full URL here would name a host of its own, which nobody has checked.
    if (!url.startsWith('/')) return new LovageError('URL_INVALID', { problem: 'it does not begin with /' })
    const foreign = origins.refusal(raw.method ?? '', raw.headers)
    if (foreign) return foreign
    return draining ? new LovageError('GATEWAY_STOPPING') : undefined
  }

  server.setNotFoundHandler((request, reply) => {
    const { method } = request
    const path = loggedUrl(pathOf(request))
    const methods = methodsOf(pathOf(request))
    if (methods.length === 0 || methods.includes(method)) {
      return send(reply, errorReply(new LovageError('ROUTE_UNKNOWN', { method, path })))
    }
    const allow = methods.join(', ')
    reply.header('allow', allow)
    send(reply, errorReply(new LovageError('METHOD_NOT_ALLOWED', { method, path, allow })))
  })
  server.setErrorHandler((error, request, reply) => {
    // Fastify closes the connection at once, with the rest of the body on its way: the client would see a reset and not
    // our answer. Left open, the rest is read and dropped, for as long as requestTimeout allows.
    reply.removeHeader('connection')
    const { bodyLimit = options.bodyLimit } = request.routeOptions
    send(reply, errorReply(ourError(error, { ...options, bodyLimit })))
  })

  for (const { methods, path, bodyLimit, raw, answer } of routes) {
    server.route({
      method: [...methods],
      url: path,
      config: { raw },
      ...(bodyLimit === undefined ? undefined : { bodyLimit }),
      handler: (request, reply) => {
        const replied = answer(exchangeOf(request))
        if (!(replied instanceof Promise)) return send(reply, replied)
        // An unhandled rejection would end the process, and every other request with it.
        replied
          .then((late) => send(reply, late))
          .catch((error: unknown) => {
            log('error', 'gateway', 'response could not be sent', { route: path, error })
            reply.raw.destroy()
          })
      },
    })
  }

  const close = async (): Promise<void> => {
    draining = true
    // What clients have sent already is read and answered first: a request must not meet a closed connection.
    await turns(clock, 2)
    for (const each of listeners) each.close()
    connections.drain()
    const grace = clock.after(options.gracePeriodMs, () => {
      log('warn', 'gateway', 'requests cut at the end of the grace period', { connections: connections.cut() })
    })
    await server.close().finally(() => grace.cancel())
  }
  const listen = async (host: string, port: number): Promise<AddressInfo> => {
    await server.listen({ host, port, backlog: BACKLOG })
    return server.server.address() as AddressInfo
  }
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await server.ready()
    server.routing(request, response)
  }
  const inject = async (request: InjectOptions | string): Promise<LightMyRequestResponse> => {
    // Once it is ready, a request runs in the context of whoever sent it.
    await server.ready()
    return server.inject(request)
  }
  const reload = (): void => {
    if (options.tls)
      for (const each of listeners) if (each instanceof SecureServer) each.setSecureContext(readTls(options.tls))
  }
  return { listen, handle, inject, close, reload }
}

/** An error of Fastify's, or of a body parser of ours, in our words. */
function ourError(error: unknown, { bodyLimit, maxUrlLength }: ResolvedOptions): LovageError {
  if (isLovageError(error)) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const problem = messageOf(error)
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new LovageError('BODY_TOO_LARGE', { limit: bodyLimit })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new LovageError('MEDIA_TYPE_UNSUPPORTED', { contentType: 'that is none' })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new LovageError('BODY_INVALID', { expected: 'HTTP', problem: 'its length is not the announced one' })
    case 'FST_ERR_BAD_URL':
      return new LovageError('URL_INVALID', { problem: 'an escape in it is not UTF-8' })
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new LovageError('URL_TOO_LONG', { limit: maxUrlLength })
    case 'ECONNRESET':
      return new LovageError('CLIENT_GONE')
    default:
      log('error', 'gateway', 'request could not be handled', { error })
      return new LovageError('HANDLER_FAILED', { route: 'the request', problem })
  }
}

function pathOf({ raw }: FastifyRequest): string {
  return raw.url?.split(/[?#]/, 1)[0] ?? ''
}

function shownHost(host: string | undefined): string {
  return host === undefined ? '(none)' : JSON.stringify(host.slice(0, 256))
}

async function turns(clock: Clock, count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => clock.turn(resolve))
}
