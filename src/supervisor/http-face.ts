import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { systemClock, type Clock } from '../base/clock.ts'
import type { Service } from '../base/service.ts'
import type { ServerConfig } from './configuration.ts'
import { isForeignHost, isForeignOrigin, passwordCheck } from './face-access.ts'
import { followLog } from './follow-log.ts'
import { listenOn } from './listen.ts'
import type { Operations } from './operations.ts'
import { callRpc } from './rpc.ts'
import { isFault, readCall, RpcInvalid, writeFault, writeResult, type RpcCall, type RpcValue } from './xml-rpc.ts'

/** What a face of a supervisor stands on. */
export interface HttpFaceOptions {
  readonly config: ServerConfig
  readonly operations: Operations
  readonly clock?: Clock
}

/** Largest call; supervisorctl's longest is what somebody types to a program. */
const BODY_LIMIT = 4 * 2 ** 20
/** Everybody who follows a log has one. */
const MOST_CONNECTIONS = 1_000
const REQUEST_MS = 30_000
/** Who has not sent all of a request by then is cut off. */
const LEAVE_MS = 2_000
const PLAIN = 'text/plain;charset=utf-8'

/**
 * One server of a supervisor, on TCP or on a Unix socket: XML-RPC under `/RPC2`, logs that go on under `/logtail` and
 * `/mainlogtail`, `/ok.html` for those who look whether it lives. Behind the password of its section, where there is one.
 * Nothing is changed by GET.
 */
export class HttpFace implements Service {
  readonly #options: HttpFaceOptions
  readonly #clock: Clock
  readonly #gone = new AbortController()
  #server: FastifyInstance | undefined
  #url: string | undefined
  #starting: Promise<void> | undefined

  constructor(options: HttpFaceOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Where it is reached: `http://127.0.0.1:9001`, `unix:///run/supervisor.sock`; undefined while it does not listen. */
  get url(): string | undefined {
    return this.#url
  }

  /** @throws LovageError `SUPERVISOR_CANNOT_LISTEN` */
  start(): Promise<void> {
    return (this.#starting ??= this.#start())
  }

  /** Answers what was asked, and ends the logs that are followed. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => {})
    const server = this.#server
    this.#server = undefined
    this.#url = undefined
    this.#gone.abort()
    const hurry = this.#clock.after(LEAVE_MS, () => server?.server.closeAllConnections())
    await server?.close()
    hurry.cancel()
  }

  async #start(): Promise<void> {
    const { config } = this.#options
    const server = this.#build()
    try {
      await server.ready()
      await listenOn(server.server, config)
    } catch (error) {
      await server.close()
      throw error
    }
    this.#server = server
    server.server.maxConnections = MOST_CONNECTIONS
    this.#url = config.kind === 'unix' ? `unix://${config.file}` : inetUrl(server.server.address() as AddressInfo)
  }

  #build(): FastifyInstance {
    const { config, operations } = this.#options
    const isRight = passwordCheck(config)
    const own = config.kind === 'inet' ? [...ownNames(), config.host, ...config.allowedHosts] : undefined
    const server = fastify({
      logger: false,
      bodyLimit: BODY_LIMIT,
      exposeHeadRoutes: false,
      forceCloseConnections: 'idle',
      requestTimeout: REQUEST_MS,
      routerOptions: { maxParamLength: 1_024 },
    })
    server.removeAllContentTypeParsers()
    server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    server.addHook('onRequest', async ({ headers }, reply) => {
      if (own && isForeignHost(headers, own)) return refuse(reply, 421)
      if (isForeignOrigin(headers)) return refuse(reply, 403)
      if (isRight(headers.authorization)) return undefined
      return refuse(reply.header('www-authenticate', 'Basic realm="default"'), 401)
    })
    server.setNotFoundHandler((_request, reply) => refuse(reply, 404))
    server.setErrorHandler((error: { statusCode?: number }, _request, reply) => refuse(reply, error.statusCode ?? 500))

    const rpc = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
      answer(operations, request, reply)
    // supervisord takes whatever begins so.
    server.post('/RPC2', rpc)
    server.post('/RPC2/*', rpc)
    server.get('/RPC2', (_request, reply) => refuse(reply, 400))
    server.get('/ok.html', (_request, reply) => reply.type('text/plain').send('OK'))
    server.get('/mainlogtail', (_request, reply) => this.#follow(operations.mainLogPath(), reply))
    server.get('/logtail/:name', (request, reply) => this.#followProcess(request, reply))
    server.get('/logtail/:name/:channel', (request, reply) => this.#followProcess(request, reply))
    return server
  }

  async #followProcess(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { name = '', channel = 'stdout' } = request.params as { name?: string; channel?: string }
    if (channel !== 'stdout' && channel !== 'stderr') return refuse(reply, 404)
    let path: string | undefined
    try {
      path = this.#options.operations.logPath(name, channel)
    } catch {
      return refuse(reply, 404)
    }
    return this.#follow(path, reply)
  }

  async #follow(path: string | undefined, reply: FastifyReply): Promise<FastifyReply> {
    const found = path === undefined ? undefined : await stat(path).catch(() => undefined)
    if (path === undefined || !found) return refuse(reply, 404)
    const ended = new AbortController()
    reply.raw.once('close', () => ended.abort())
    const signal = AbortSignal.any([ended.signal, this.#gone.signal])
    // Few chunks ahead of who reads: it may read slowly, or not at all.
    const stream = Readable.from(followLog(path, this.#clock, signal), { highWaterMark: 2 })
    // An empty log is answered at once too.
    reply.hijack()
    reply.raw.writeHead(200, {
      'content-type': PLAIN,
      'last-modified': found.mtime.toUTCString(),
      // Proxies must not keep it back until there is more.
      'x-accel-buffering': 'no',
    })
    reply.raw.flushHeaders()
    pipeline(stream, reply.raw, () => reply.raw.destroy())
    return reply
  }
}

async function answer(operations: Operations, { body }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  let call: RpcCall
  try {
    call = readCall(typeof body === 'string' ? body : '')
  } catch (error) {
    if (error instanceof RpcInvalid) return refuse(reply, 400, error.message)
    throw error
  }
  const value = (await callRpc(operations, call)) as RpcValue
  return reply.type('text/xml').send(isFault(value) ? writeFault(value) : writeResult(value))
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Asked by a page of another origin',
  404: 'Not Found',
  413: 'Payload Too Large',
  421: 'This machine is not known by that name: use its address or its host name, or add the name to allowed_hosts=',
  500: 'Internal Server Error',
}

function refuse(reply: FastifyReply, status: number, why = REASONS[status] ?? 'Refused'): FastifyReply {
  return reply.code(status).type(PLAIN).send(`${why}\n`)
}

/** `web-01.example.com` is `web-01` too. */
function ownNames(): string[] {
  const name = hostname().toLowerCase()
  return [name, name.replace(/\..*/, '')]
}

function inetUrl({ address, family, port }: AddressInfo): string {
  const host = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address
  return family === 'IPv6' && host === address ? `http://[${host}]:${port}` : `http://${host}:${port}`
}
