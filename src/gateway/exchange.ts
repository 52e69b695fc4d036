import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { loggedUrl } from './access-line.ts'
import type { RouteRequest } from './route.ts'

/** As nginx writes it: the client went before it was answered. */
const HUNG_UP = 499

/** One request and its response, from the first header to the last byte; what it did becomes one line of the log. */
export class Exchange implements RouteRequest {
  /** Name of the task that the route is bound to. */
  task: string | undefined
  /** Id of the task that was sent. */
  id: string | undefined
  /** Milliseconds that the task ran, where the worker told. */
  runMs: number | undefined
  /** The body as it came. */
  raw: Buffer = NO_BODY

  readonly #request: FastifyRequest
  readonly #response: ServerResponse
  readonly #clock: Clock
  readonly #startedMs: number
  #gone: AbortController | undefined
  #closed = false

  constructor(request: FastifyRequest, response: ServerResponse, clock: Clock) {
    this.#request = request
    this.#response = response
    this.#clock = clock
    this.#startedMs = clock.monotonic()
  }

  get method(): string {
    return this.#request.method
  }

  get url(): string {
    return this.#request.raw.url ?? ''
  }

  get params(): Readonly<Record<string, string>> {
    return this.#request.params as Record<string, string>
  }

  get query(): Readonly<Record<string, string | string[]>> {
    return this.#request.query as Record<string, string | string[]>
  }

  get body(): unknown {
    return this.#request.body
  }

  get headers(): IncomingHttpHeaders {
    return this.#request.headers
  }

  get request(): IncomingMessage {
    return this.#request.raw
  }

  /** Aborts when the client hangs up. Made when it is first asked for: most requests of plain handlers never do. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController()
    if (this.#closed) this.#gone.abort(new LovageError('CLIENT_GONE'))
    return this.#gone.signal
  }

  /** The response is complete or can no longer be: frees who waits, and tells the log. */
  close(): void {
    this.#closed = true
    const { writableEnded, statusCode } = this.#response
    if (!writableEnded) this.#gone?.abort(new LovageError('CLIENT_GONE'))
    const totalMs = this.#clock.monotonic() - this.#startedMs
    const { task, id, runMs } = this
    log('info', 'gateway', 'request', {
      method: this.method,
      url: loggedUrl(this.url),
      status: writableEnded ? statusCode : HUNG_UP,
      ...(task === undefined ? undefined : { task }),
      ...(id === undefined ? undefined : { id }),
      // What is neither run time nor ours to see apart: the way to the queue, the wait in it, and the way back.
      ...(runMs === undefined ? undefined : { queueMs: round(Math.max(0, totalMs - runMs)), runMs: round(runMs) }),
      totalMs: round(totalMs),
    })
  }
}

const NO_BODY = Buffer.alloc(0)

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
