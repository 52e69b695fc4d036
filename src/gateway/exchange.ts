import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { LovageError, type ErrorCode } from '../base/errors.ts'
import { isLogged, log } from '../base/log.ts'
import { loggedUrl } from './access-line.ts'
import { traceIdOf, traceOf } from '../protocol/trace-context.ts'
import type { Caller } from './relay.ts'
import type { RouteRequest } from './route.ts'

/** As nginx writes it: the client went before it was answered. */
const HUNG_UP = 499

/** What is read of a request. */
type RequestSide = Pick<FastifyRequest, 'method' | 'params' | 'query' | 'body' | 'headers' | 'raw'>

/** What is read of its response. */
type ResponseSide = Pick<ServerResponse, 'writableEnded' | 'statusCode'>

/** One request and its response, from the first header to the last byte; what it did becomes one line of the log. */
export class Exchange implements RouteRequest, Caller {
  /** Name of the task that the route is bound to. */
  task: string | undefined
  id: string | undefined
  /** The pattern of its path, as it was bound; undefined where none fits. */
  route: string | undefined
  /** What was answered, once it is closed. */
  status = 0
  /** From its first header to its last byte, once it is closed. */
  totalMs = 0
  runMs: number | undefined
  onGone: (() => void) | undefined
  /** What it was refused for, or failed with. */
  error: ErrorCode | undefined
  /** The body as it came. */
  raw: Buffer = NO_BODY

  readonly #request: RequestSide
  readonly #response: ResponseSide
  readonly #clock: Clock
  readonly #startedMs: number
  #gone: AbortController | undefined
  #isGone = false

  constructor(request: RequestSide, response: ResponseSide, clock: Clock) {
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

  get isGone(): boolean {
    return this.#isGone
  }

  /** Aborts when the client hangs up. Made when it is first asked for: few need one, and it costs more than the rest. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController()
    if (this.#isGone) this.#gone.abort(new LovageError('CLIENT_GONE'))
    return this.#gone.signal
  }

  /** The response is complete or can no longer be: frees who waits, and tells the log. */
  close(): void {
    if (!this.#response.writableEnded) {
      this.#isGone = true
      this.onGone?.()
      this.#gone?.abort(new LovageError('CLIENT_GONE'))
    }
    this.status = this.#isGone ? HUNG_UP : this.#response.statusCode
    this.totalMs = this.#clock.monotonic() - this.#startedMs
    if (isLogged()) log('info', 'gateway', 'request', this.#line())
  }

  #line(): Readonly<Record<string, unknown>> {
    const { method, url, status, totalMs, task, id, runMs, error } = this
    const line: Record<string, unknown> = { method, url: loggedUrl(url), status }
    if (error !== undefined) line['error'] = error
    if (task !== undefined) line['task'] = task
    if (id !== undefined) line['id'] = id
    const trace = traceOf(this.headers)
    if (trace) line['trace'] = traceIdOf(trace)
    if (runMs !== undefined) {
      // What is neither run time nor ours to see apart: the way to the queue, the wait in it, and the way back.
      line['queueMs'] = round(Math.max(0, totalMs - runMs))
      line['runMs'] = round(runMs)
    }
    line['totalMs'] = round(totalMs)
    return line
  }
}

const NO_BODY = Buffer.alloc(0)

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
