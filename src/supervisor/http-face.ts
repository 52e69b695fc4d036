import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { systemClock, type Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { ServerConfig } from './configuration.ts'
import { addApi } from './face-api.ts'
import { isForeignHost, isForeignOrigin, passwordCheck } from './face-access.ts'
import { FaceRouter, Refused, sendText, type FaceHandler } from './face-router.ts'
import { followLog } from './follow-log.ts'
import { listenOn } from './listen.ts'
import type { Operations } from './operations.ts'
import { callRpc } from './rpc.ts'
import { addPage } from './face-page.ts'
import type { StateFeed } from './state-feed.ts'
import { isFault, readCall, RpcInvalid, writeFault, writeResult, type RpcCall, type RpcValue } from './xml-rpc.ts'

/** What a face of a supervisor stands on. */
export interface HttpFaceOptions {
  readonly config: ServerConfig
  readonly operations: Operations
  /** Of all faces of one supervisor. */
  readonly feed: StateFeed
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
 * `/mainlogtail`, `/ok.html` for those who look whether it lives, JSON under `/api/v1`, a page under `/`. Behind the password of its section, where there is one.
 * Nothing is changed by GET. On Node's own server: a framework would be a third of the memory of a supervisor.
 */
export class HttpFace implements Service {
  readonly #options: HttpFaceOptions
  readonly #clock: Clock
  readonly #gone = new AbortController()
  #server: Server | undefined
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
    if (!server) return
    const hurry = this.#clock.after(LEAVE_MS, () => server.closeAllConnections())
    await new Promise((resolve) => void server.close(resolve))
    hurry.cancel()
  }

  async #start(): Promise<void> {
    const { config } = this.#options
    const server = this.#build()
    await listenOn(server, config)
    this.#server = server
    this.#url = config.kind === 'unix' ? `unix://${config.file}` : inetUrl(server.address() as AddressInfo)
  }

  #build(): Server {
    const { config } = this.#options
    const isRight = passwordCheck(config)
    const own = config.kind === 'inet' ? [...ownNames(), config.host, ...config.allowedHosts] : undefined
    const router = this.#routes()
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const { headers } = request
      // Who keeps a connection would keep a server from ending that is to be opened anew.
      if (this.#gone.signal.aborted) response.setHeader('connection', 'close')
      try {
        if (own && isForeignHost(headers, own)) throw new Refused(421)
        if (isForeignOrigin(headers)) throw new Refused(403)
        if (!isRight(headers.authorization)) {
          response.setHeader('www-authenticate', 'Basic realm="default"')
          throw new Refused(401)
        }
        await router.answer(request, response)
      } catch (error) {
        refuse(request, response, error)
      }
    }
    const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => void answer(request, response))
    server.maxConnections = MOST_CONNECTIONS
    return server
  }

  #routes(): FaceRouter {
    const { operations, feed } = this.#options
    const router = new FaceRouter(BODY_LIMIT)
    const rpc: FaceHandler = ({ body }, response) => answerCall(operations, body, response)
    // supervisord takes whatever begins so.
    router.post('/RPC2', rpc)
    router.post('/RPC2/*', rpc)
    router.get('/RPC2', () => {
      throw new Refused(400)
    })
    router.get('/ok.html', (_request, response) => sendText(response, 'text/plain', 'OK'))
    router.get('/mainlogtail', (_request, response) => this.#follow(operations.mainLogPath(), response))
    const followProcess: FaceHandler = ({ params }, response) => this.#followProcess(params, response)
    router.get('/logtail/:name', followProcess)
    router.get('/logtail/:name/:channel', followProcess)
    addApi(router, { operations, feed, follow: (...what) => this.#follow(...what) })
    addPage(router, operations, this.#clock)
    return router
  }

  #followProcess(params: Readonly<Record<string, string>>, response: ServerResponse): Promise<void> {
    const { name = '', channel = 'stdout' } = params
    if (channel !== 'stdout' && channel !== 'stderr') throw new Refused(404)
    let path: string | undefined
    try {
      path = this.#options.operations.logPath(name, channel)
    } catch {
      throw new Refused(404)
    }
    return this.#follow(path, response)
  }

  async #follow(path: string | undefined, response: ServerResponse, from?: number): Promise<void> {
    const found = path === undefined ? undefined : await stat(path).catch(() => undefined)
    if (path === undefined || !found) throw new Refused(404)
    const ended = new AbortController()
    response.once('close', () => ended.abort())
    const signal = AbortSignal.any([ended.signal, this.#gone.signal])
    // Few chunks ahead of who reads: it may read slowly, or not at all.
    const stream = Readable.from(followLog(path, this.#clock, signal, from), { highWaterMark: 2 })
    // An empty log is answered at once too.
    response.writeHead(200, {
      'content-type': PLAIN,
      'last-modified': found.mtime.toUTCString(),
      // Proxies must not keep it back until there is more.
      'x-accel-buffering': 'no',
    })
    response.flushHeaders()
    pipeline(stream, response, () => response.destroy())
  }
}

async function answerCall(operations: Operations, body: string, response: ServerResponse): Promise<void> {
  let call: RpcCall
  try {
    call = readCall(body)
  } catch (error) {
    if (error instanceof RpcInvalid) throw new Refused(400, error.message)
    throw error
  }
  const value = (await callRpc(operations, call)) as RpcValue
  sendText(response, 'text/xml', isFault(value) ? writeFault(value) : writeResult(value))
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  // Who was cut off, or has gone, hears nothing any more.
  if (response.headersSent || response.destroyed) return void response.destroy()
  const { status, message } = error instanceof Refused ? error : new Refused(500)
  if (status === 500 && !request.destroyed) {
    log('error', 'supervisor', 'a request could not be answered', { why: messageOf(error) })
  }
  // A body without end is not waited for. Any other is read away: supervisorctl sends its own after the answer has begun.
  const headers = status === 413 ? { connection: 'close' } : undefined
  sendText(response, PLAIN, `${message}\n`, { status, ...(headers && { headers }) })
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
