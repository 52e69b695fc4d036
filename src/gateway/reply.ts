import type { Readable } from 'node:stream'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { LovageError, type ErrorCode } from '../base/errors.ts'
import { webJson } from './web-json.ts'

/** What is answered, as data: any HTTP framework can send it. */
export interface Reply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** A stream is sent as it comes, and destroyed when the client goes. */
  readonly body: string | Uint8Array | Readable
  /** Code of the error that it tells of, for the log. */
  readonly error?: ErrorCode
}

/** How a {@link respond} is dressed. */
export interface RespondOptions {
  /** Default: `text/plain; charset=utf-8` for a text, `application/octet-stream` for bytes, else JSON. */
  readonly contentType?: string
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>
}

const JSON_HEADERS = { 'content-type': 'application/json; charset=utf-8' }
const TEXT = 'text/plain; charset=utf-8'
const BYTES = 'application/octet-stream'

const made = new WeakSet<object>()

/**
 * A response of your own, to return from a handler or from the `response` of a route: `respond(201, { id })`,
 * `respond(200, '<xml/>', { contentType: 'text/xml' })`. Anything but a text or bytes is written as JSON.
 * @throws LovageError `ENCODE_FAILED`, `OPTION_INVALID` for a status or header that HTTP has no place for
 */
export function respond(status: number, body?: unknown, { contentType, headers }: RespondOptions = {}): Reply {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw unfit('status', 'is no status of a response', 'Write a whole number from 200 to 599')
  }
  for (const [name, value] of Object.entries({ 'content-type': contentType ?? TEXT, ...headers }))
    checkHeader(name, value)
  const dressed = dress(status, body, contentType)
  const reply = headers ? { ...dressed, headers: { ...dressed.headers, ...lowered(headers) } } : dressed
  made.add(reply)
  return reply
}

/** The reply to a value that a function of the user's returned: as it is when `respond` made it, else dressed with 200. */
export function replyOf(value: unknown, contentType: string | undefined): Reply {
  if (typeof value === 'object' && value !== null && made.has(value)) return value as Reply
  return dress(200, value, contentType)
}

/** A JSON reply. `headers` come on top of the content type. */
export function jsonReply(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Reply {
  return {
    status,
    headers: headers ? { ...JSON_HEADERS, ...headers } : JSON_HEADERS,
    body: webJson(value),
  }
}

/** The result of a task in the form that the old Tornado agents answered in. */
export function resultsReply(value: unknown): Reply {
  return { status: 200, headers: JSON_HEADERS, body: `{"results":${webJson(value)}}` }
}

/** What an error means to a client. Codes that are not here are faults of ours: 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  BODY_INVALID: 400,
  HEADER_INVALID: 400,
  REQUEST_INVALID: 400,
  URL_INVALID: 400,
  ORIGIN_REFUSED: 403,
  ROUTE_UNKNOWN: 404,
  RESULT_UNKNOWN: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  TASK_ENDED: 409,
  BODY_TOO_LARGE: 413,
  MESSAGE_TOO_LARGE: 413,
  URL_TOO_LONG: 414,
  MEDIA_TYPE_UNSUPPORTED: 415,
  HOST_REFUSED: 421,
  ARGUMENTS_INVALID: 422,
  JOIN_MISMATCH: 422,
  LIMIT_REACHED: 429,
  RATE_REACHED: 429,
  HEADERS_TOO_LARGE: 431,
  CLIENT_GONE: 499,
  TASK_FAILED: 500,
  HANDLER_FAILED: 500,
  CAPABILITY_MISSING: 501,
  BACKEND_REFUSED: 503,
  BACKEND_UNREACHABLE: 503,
  BROKER_CLOSED: 503,
  BROKER_REFUSED: 503,
  BROKER_UNREACHABLE: 503,
  DEADLINE_UNREACHABLE: 503,
  GATEWAY_STOPPING: 503,
  OVERLOADED: 503,
  READERS_TOO_MANY: 503,
  PUBLISH_REFUSED: 503,
  PUBLISH_TIMEOUT: 503,
  RESULT_FORGOTTEN: 503,
  STORE_FULL: 503,
  STORE_UNREACHABLE: 503,
  TASK_REVOKED: 503,
  UNROUTABLE: 503,
  RESULT_TIMEOUT: 504,
}

/** What clients read of the errors whose own messages tell of the inside: addresses, queues, errors of tasks. */
const PUBLIC: Partial<Record<ErrorCode, string>> = {
  TASK_FAILED: 'The task failed',
  TASK_REVOKED: 'The task was revoked or expired before it could run',
  HANDLER_FAILED: 'The request could not be handled',
  CAPABILITY_MISSING: 'This gateway is not set up for that',
  BACKEND_REFUSED: 'The results cannot be reached',
  BACKEND_UNREACHABLE: 'The results cannot be reached',
  BROKER_CLOSED: 'The broker cannot be reached',
  BROKER_REFUSED: 'The broker cannot be reached',
  BROKER_UNREACHABLE: 'The broker cannot be reached',
  PUBLISH_TIMEOUT: 'The broker does not answer',
  PUBLISH_REFUSED: 'The broker takes no further tasks now',
  UNROUTABLE: 'No queue takes this task now',
  OVERLOADED: 'Too many requests are in flight',
  READERS_TOO_MANY: 'Too many clients read events',
  DEADLINE_UNREACHABLE: 'The task cannot be done in time now',
  STORE_FULL: 'Nothing more can be kept now',
  STORE_UNREACHABLE: 'The shared state cannot be reached',
  RESULT_FORGOTTEN: 'The result was lost before it could be read',
}

/** Seconds after which a refused client may come again. A revoked task will not run by itself: no time is named. */
const RETRY_AFTER: Partial<Record<ErrorCode, string>> = {
  BACKEND_REFUSED: '5',
  BACKEND_UNREACHABLE: '5',
  BROKER_CLOSED: '5',
  BROKER_REFUSED: '5',
  BROKER_UNREACHABLE: '5',
  GATEWAY_STOPPING: '1',
  OVERLOADED: '1',
  PUBLISH_REFUSED: '5',
  READERS_TOO_MANY: '5',
  PUBLISH_TIMEOUT: '5',
  RESULT_FORGOTTEN: '5',
  STORE_FULL: '5',
  STORE_UNREACHABLE: '5',
  UNROUTABLE: '5',
}

/** What clients may read of an error. */
export interface SafeError {
  readonly code: ErrorCode
  readonly message: string
  /** Id of the task that it is about. */
  readonly id?: string
}

/** The status of an error. */
export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? 500
}

/** An error without what is nobody's business outside. `message` replaces the public one, where errors are exposed. */
export function safeError(error: LovageError, id?: string, message?: string): SafeError {
  const code = STATUS[error.code] === undefined ? 'HANDLER_FAILED' : error.code
  return { code, message: message ?? PUBLIC[code] ?? error.message, ...(id === undefined ? undefined : { id }) }
}

/** The reply to an error: `{"error": {"code", "message", "id"}}`, with Retry-After where trying again helps. */
export function errorReply(error: LovageError, id?: string, message?: string): Reply {
  const { retryAfterS } = error.details
  const retryAfter = typeof retryAfterS === 'number' ? String(retryAfterS) : RETRY_AFTER[error.code]
  const headers = retryAfter ? { 'retry-after': retryAfter } : undefined
  return { ...jsonReply(statusOf(error.code), { error: safeError(error, id, message) }, headers), error: error.code }
}

function dress(status: number, body: unknown, contentType: string | undefined): Reply {
  if (typeof body === 'string') return { status, headers: { 'content-type': contentType ?? TEXT }, body }
  if (body instanceof Uint8Array) return { status, headers: { 'content-type': contentType ?? BYTES }, body }
  return jsonReply(status, body ?? null, contentType ? { 'content-type': contentType } : undefined)
}

/** Node would refuse it too, but only when the response is on its way and nobody is left to answer for it. */
function checkHeader(name: string, value: string): void {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch {
    const fix = 'Encode what comes from outside: encodeURI(...), say'
    throw unfit('headers', `have ${JSON.stringify(name)}, whose name or value cannot stand in a header`, fix)
  }
}

function unfit(option: string, problem: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option, where: 'respond()', problem, fix })
}

function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** Whether a function of the user's answers later. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
