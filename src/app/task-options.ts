import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import type { Headers, HeaderValue } from '../protocol/headers.ts'
import type { Compression } from '../protocol/compression.ts'
import type { Serializer } from '../protocol/serializer.ts'
import { checkAll, duration, flag, listOf, oneOf, shortText, shown, text, Unfit, wait, whole } from './check.ts'
import type { Check, Checks } from './check.ts'
import { deliveryMode } from './queue-options.ts'
import { compressionName, serializerName } from './content-names.ts'
import type { Settings } from './settings.ts'

/** An error class, the name of one (`'TypeError'`, `'requests.exceptions.Timeout'`), or a code of ours (`'RESOURCE_FAILED'`). */
export type ErrorMatch = string | (abstract new (...args: never[]) => Error)

/** Options that a task and a single call of it both take; those of the call win. */
export interface SendOptions {
  /** Queue the message goes to. Default: what `routes` of the settings say, else their `defaultQueue`, `'celery'`. */
  readonly queue?: string
  /** Exchange to publish to, together with `routingKey`. It must be there. */
  readonly exchange?: string
  /** Routing key for `exchange`, or for the exchange of the queue where that is no direct one. Default: that of the queue. */
  readonly routingKey?: string
  /** 0 to 255, the highest first, on queues with priorities. Default: what `routes` say, else `defaultPriority`. */
  readonly priority?: number
  /** 2: the message outlives a restart of the broker; 1: it need not. Default: what its exchange says, else 2. */
  readonly deliveryMode?: 1 | 2
  /** Nobody runs it after this long, or after this moment; it ends as REVOKED. Default: never. */
  readonly expires?: Duration | Date
  /** The run ends as FAILURE TimeLimitExceeded after so long. Default: none. */
  readonly timeLimit?: Duration
  /** `currentTask().signal` aborts after so long. Default: none. */
  readonly softTimeLimit?: Duration
  /** No result is wanted: none is stored or sent. Default false. */
  readonly ignoreResult?: boolean
  /** How bodies are written. Default: `taskSerializer` of the settings, `'json'`. */
  readonly serializer?: Serializer
  /**
   * How bodies are packed. `'zlib'` and `'gzip'` both write a zlib stream, as kombu does; `'zstd'` takes Node 22.15. Default:
   * `taskCompression` of the settings, none.
   */
  readonly compression?: Compression
  /** Name shown in logs and events in place of the task's. */
  readonly shadow?: string
  /** Headers of your own on the message. Names that Celery uses are refused. */
  readonly headers?: Headers
}

/** What `app.task(name, options, fn)` takes, beside `params` and `input`. */
export interface TaskOptions extends SendOptions {
  /** Acknowledge after the outcome is stored (true), or before the run (false, Celery's default). Default true. */
  readonly acksLate?: boolean
  /** Most retries; null is for ever. Default 3. */
  readonly maxRetries?: number | null
  /** Wait before a retry, where `retryBackoff` is off. Default: `defaultRetryDelay` of the settings, 3 minutes. */
  readonly retryDelay?: Duration
  /** Waits before retries double: true starts at 1 s, a duration starts there. Default false. */
  readonly retryBackoff?: boolean | Duration
  /** Longest wait of `retryBackoff`. Default `'10m'`. */
  readonly retryBackoffMax?: Duration
  /** Draw each wait of `retryBackoff` between 0 and its full length. Default true. */
  readonly retryJitter?: boolean
  /** Errors after which the task is retried by itself. Default: none. */
  readonly retryOn?: readonly ErrorMatch[]
  /** Errors after which it is not, although `retryOn` has them. Default: none. */
  readonly dontRetryOn?: readonly ErrorMatch[]
  /** Most starts in each worker, `'10/s'`, `'100/m'`, `'1000/h'`, or a number a second. Default: none. */
  readonly rateLimit?: number | `${number}/${'s' | 'm' | 'h'}`
  /** Its signal aborts, and it ends as REVOKED, when nobody needs it any more: see `deadline`. Default false. */
  readonly abandonable?: boolean
  /** Tell who waits when the run starts: state STARTED. Default false. */
  readonly trackStarted?: boolean
  /** Workers that tell events tell those of this task too. Default true. */
  readonly sendEvents?: boolean
  /** Where it runs, in place of the worker's own pool: tasks that compute belong in `'processes'` or `'threads'`. */
  readonly pool?: 'async' | 'threads' | 'processes'
}

/** Options of a task as everything reads them: complete, checked, frozen, times in milliseconds. */
export interface ResolvedTaskOptions {
  readonly queue: string | undefined
  readonly exchange: string | undefined
  readonly routingKey: string | undefined
  readonly priority: number | undefined
  readonly deliveryMode: 1 | 2 | undefined
  readonly expires: number | Date | undefined
  readonly timeLimitMs: number | undefined
  readonly softTimeLimitMs: number | undefined
  readonly ignoreResult: boolean
  readonly serializer: Serializer
  readonly compression: Compression | undefined
  readonly shadow: string | undefined
  readonly headers: Headers
  readonly acksLate: boolean
  /** `Infinity`: for ever. */
  readonly maxRetries: number
  readonly retryDelayMs: number
  /** First wait; undefined: backoff is off. */
  readonly retryBackoffMs: number | undefined
  readonly retryBackoffMaxMs: number
  readonly retryJitter: boolean
  readonly retryOn: readonly ErrorMatch[]
  readonly dontRetryOn: readonly ErrorMatch[]
  readonly rateLimitPerSecond: number | undefined
  readonly abandonable: boolean
  readonly trackStarted: boolean
  readonly sendEvents: boolean
  /** Undefined: the worker's own. */
  readonly pool: 'async' | 'threads' | 'processes' | undefined
}

/** Options of a call or task that say how it is sent, checked; durations in milliseconds. */
export interface CheckedSendOptions {
  queue: string
  exchange: string
  routingKey: string
  priority: number
  deliveryMode: 1 | 2
  expires: number | Date
  timeLimit: number
  softTimeLimit: number
  ignoreResult: boolean
  serializer: Serializer
  compression: Compression
  shadow: string
  headers: Headers
}

interface CheckedTaskOptions extends CheckedSendOptions {
  acksLate: boolean
  maxRetries: number
  retryDelay: number
  retryBackoff: number | undefined
  retryBackoffMax: number
  retryJitter: boolean
  retryOn: readonly ErrorMatch[]
  dontRetryOn: readonly ErrorMatch[]
  rateLimit: number
  abandonable: boolean
  trackStarted: boolean
  sendEvents: boolean
  pool: 'async' | 'threads' | 'processes'
}

/** A length of time from now, or a moment. */
export const moment: Check<number | Date> = (value) => {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new Unfit('is a Date without a time', 'Give a valid Date')
    return value
  }
  return duration(value)
}

/** Headers that messages of Celery carry themselves; a stray one would change what the worker does. */
const TAKEN = new Set(
  'lang task id shadow eta expires group group_index retries timelimit root_id parent_id argsrepr kwargsrepr origin ignore_result replaced_task_nesting stamped_headers stamps compression meth'.split(
    ' ',
  ),
)

const headers: Check<Headers> = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Unfit(`must be an object, and is ${shown(value)}`, "Write { 'x-mine': 'value' }")
  }
  for (const name of Object.keys(value)) {
    if (TAKEN.has(name)) throw new Unfit(`has ${name}, which is a header of Celery's`, 'Use another name for it')
    if (name.startsWith('x-lovage-')) throw new Unfit(`has ${name}, which is Lovage's own`, 'Use another name for it')
  }
  return { ...(value as Record<string, HeaderValue>) }
}

const backoff: Check<number | undefined> = (value) => {
  if (typeof value === 'boolean') return value ? 1_000 : undefined
  return wait(value)
}

const errorMatch: Check<ErrorMatch> = (value) => {
  if (typeof value === 'string' && value !== '') return value
  if (typeof value === 'function' && (value === Error || value.prototype instanceof Error)) return value as ErrorMatch
  throw new Unfit(
    `has ${shown(value)}, which is no error class`,
    "Write classes of errors or their names: [TypeError, 'Timeout']",
  )
}

const rate: Check<number> = (value) => {
  const match = /^(\d+(?:\.\d+)?)(?:\/([smh]))?$/.exec(String(value))
  const perSecond = match ? Number(match[1]) / { s: 1, m: 60, h: 3600 }[(match[2] ?? 's') as 's' | 'm' | 'h'] : 0
  if (perSecond > 0) return perSecond
  throw new Unfit(`must be a rate, and is ${shown(value)}`, "Write a number a second, or '10/s', '100/m', '1000/h'")
}

/**
 * Starts a second of a rate limit that was given at run time; undefined: 0 or null, no limit.
 * @throws LovageError `OPTION_INVALID`
 */
export function checkRate(value: unknown, where: string): number | undefined {
  if (value === null || value === 0 || value === '0') return undefined
  try {
    return rate(value)
  } catch (error) {
    if (!(error instanceof Unfit)) throw error
    throw new LovageError('OPTION_INVALID', { option: 'rateLimit', where, problem: error.message, fix: error.fix })
  }
}

/** The checks of {@link SendOptions}. */
export const SEND_CHECKS: Checks<CheckedSendOptions> = {
  queue: shortText,
  exchange: shortText,
  routingKey: shortText,
  priority: whole(0, 255),
  deliveryMode,
  expires: moment,
  timeLimit: wait,
  softTimeLimit: wait,
  ignoreResult: flag,
  serializer: serializerName,
  compression: compressionName,
  shadow: text,
  headers,
}

const TASK_CHECKS: Checks<CheckedTaskOptions> = {
  ...SEND_CHECKS,
  acksLate: flag,
  maxRetries: (value) => (value === null ? Infinity : whole(0)(value)),
  retryDelay: duration,
  retryBackoff: backoff,
  retryBackoffMax: wait,
  retryJitter: flag,
  retryOn: listOf(errorMatch),
  dontRetryOn: listOf(errorMatch),
  rateLimit: rate,
  abandonable: flag,
  trackStarted: flag,
  sendEvents: flag,
  pool: oneOf('async', 'threads', 'processes'),
}

/**
 * Checks options one by one and against each other. `where` says whose they are, for errors: `task shop.add`.
 * @throws LovageError `OPTION_INVALID`
 */
export function checkOptions<T extends CheckedSendOptions>(
  given: object,
  checks: Checks<T>,
  where: string,
): Partial<T> {
  const invalid = (option: string, problem: string, fix: string): LovageError =>
    new LovageError('OPTION_INVALID', { option, where, problem, fix })
  const checked: Partial<T> = checkAll<T>(given, checks, {
    unknown: (option, fix) => invalid(option, 'does not exist', fix),
    invalid,
  })
  const { timeLimit, softTimeLimit } = checked
  if (timeLimit !== undefined && softTimeLimit !== undefined && softTimeLimit >= timeLimit) {
    throw invalid('softTimeLimit', 'is not shorter than timeLimit', 'Make softTimeLimit the shorter one')
  }
  return checked
}

/**
 * Options of a task with all defaults filled in.
 * @throws LovageError `OPTION_INVALID`
 */
export function resolveTaskOptions(name: string, given: TaskOptions, settings: Settings): ResolvedTaskOptions {
  const checked = checkOptions(given, TASK_CHECKS, `task ${name}`)
  return Object.freeze({
    queue: checked.queue,
    exchange: checked.exchange,
    routingKey: checked.routingKey,
    priority: checked.priority,
    deliveryMode: checked.deliveryMode,
    expires: checked.expires,
    timeLimitMs: checked.timeLimit,
    softTimeLimitMs: checked.softTimeLimit,
    ignoreResult: checked.ignoreResult ?? false,
    serializer: checked.serializer ?? settings.taskSerializer,
    compression: checked.compression ?? settings.taskCompression,
    shadow: checked.shadow,
    headers: Object.freeze(checked.headers ?? {}),
    acksLate: checked.acksLate ?? settings.acksLate,
    maxRetries: checked.maxRetries ?? 3,
    retryDelayMs: checked.retryDelay ?? settings.defaultRetryDelayMs,
    retryBackoffMs: checked.retryBackoff,
    retryBackoffMaxMs: checked.retryBackoffMax ?? 600_000,
    retryJitter: checked.retryJitter ?? true,
    retryOn: checked.retryOn ?? [],
    dontRetryOn: checked.dontRetryOn ?? [],
    rateLimitPerSecond: checked.rateLimit,
    abandonable: checked.abandonable ?? false,
    trackStarted: checked.trackStarted ?? false,
    sendEvents: checked.sendEvents ?? true,
    pool: checked.pool,
  })
}
