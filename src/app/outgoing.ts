import { hostname } from 'node:os'
import { formatIso } from '../protocol/iso-time.ts'
import { DEADLINE_HEADER, deadlineOf, type Headers, type HeaderValue, ONCE_HEADER } from '../protocol/headers.ts'
import { argsRepr, kwargsRepr } from '../protocol/python-repr.ts'
import type { Serialized } from '../protocol/serializer.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import { traceOfMessage, type TraceContext } from '../protocol/trace-context.ts'
import type { CheckedCallOptions } from './call-options.ts'
import type { CurrentTask } from './current-task.ts'
import type { RouteOptions } from './route-options.ts'
import { resolveRoute, type Route, type RouteSettings } from './routes.ts'
import type { ResolvedTaskOptions } from './task-options.ts'
import { currentTracer } from './tracer.ts'

/** A task as the sender knows it: what its messages have in common is worked out once. */
export interface Sendable {
  readonly name: string
  readonly options: ResolvedTaskOptions
  /** Where a call of it goes. @throws LovageError `QUEUE_UNKNOWN`, `ROUTE_INVALID` */
  readonly route: Routing
  readonly timelimit: readonly [number | null, number | null]
  /** Whether the arguments fit, where the task is defined here. */
  readonly check:
    | ((args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>) => void | Promise<void>)
    | undefined
}

/** Finds the way of a call. */
export type Routing = (args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>, call: RouteOptions) => Route

/** A call, ready to be written. */
export interface Outgoing {
  readonly request: TaskRequest
  readonly route: Route
  /** Epoch ms. */
  readonly expiresAtMs: number | undefined
  readonly expirationMs: number | undefined
  /** Epoch ms: its eta, or its expiry where that is sooner; undefined: it is due at once. */
  readonly dueAtMs: number | undefined
}

/** What a call is made of, beside the task and its arguments. */
export interface Circumstances {
  readonly id: string
  readonly nowMs: number
  /** The result backend's, where the caller names none. */
  readonly replyTo: string | undefined
  /** The task that the call is made in. */
  readonly current: CurrentTask | undefined
  /** The body, and how it was packed, if it was. */
  readonly written: Serialized & { readonly compression?: string }
  /** Tells this message from others of the same task, where that is to run once. */
  readonly mark?: string | undefined
  /** Where it stands in a canvas, if it is part of one. */
  readonly place?: Place | undefined
}

/** Where a task stands in a canvas. */
export interface Place {
  readonly rootId: string | undefined
  readonly parentId: string | undefined
  readonly group: string | undefined
  readonly groupIndex: number | undefined
  readonly replacedTaskNesting: number
  readonly stamps: Headers
  readonly stampedHeaders: readonly string[] | null
  /** That of the task that it follows, or is sent in; epoch ms. */
  readonly deadlineMs?: number | undefined
  /** Something is done when it ends, or has expired. */
  readonly isAwaited?: boolean
  /** That of the task that it follows, or is sent in. */
  readonly trace?: TraceContext | undefined
}

/** The node that a process is which sends, as Celery names it. */
export const ORIGIN = `gen${process.pid}@${hostname()}`

/** Epoch ms of the sending, by which a worker tells how long a task has waited. Celery has nothing like it on its messages. */
export const SENT_HEADER = 'x-lovage-sent'

const NO_STAMPS: Headers = Object.freeze({})

/** RabbitMQ takes the expiration of a message as 32 bits, and closes the channel on more. */
const LONGEST_EXPIRATION_MS = 2 ** 32 - 1

/** Works out what all messages of a task have in common. */
export function sendable(
  name: string,
  options: ResolvedTaskOptions,
  settings: RouteSettings,
  check?: Sendable['check'],
): Sendable {
  const timelimit = [seconds(options.timeLimitMs), seconds(options.softTimeLimitMs)] as const
  return { name, options, route: routing(name, options, settings), timelimit, check }
}

/** The call as a request. */
export function outgoing(
  task: Sendable,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  call: Partial<CheckedCallOptions>,
  { id, nowMs, replyTo, current, written, place, mark }: Circumstances,
): Outgoing {
  const { options } = task
  const expiresAtMs = atMs(call.expires ?? options.expires, nowMs)
  const etaMs = atMs(call.eta ?? call.countdown, nowMs)
  const ignoreResult = call.ignoreResult ?? options.ignoreResult
  const route = task.route(args, kwargs, call)
  const inheritedMs = place?.deadlineMs ?? (current ? deadlineOf(current.request.custom) : Infinity)
  const deadlineMs = call.deadline === false ? Infinity : Math.min(atMs(call.deadline, nowMs) ?? Infinity, inheritedMs)
  const trace = place ? place.trace : current && traceOfMessage(current.request.custom)
  const custom: Record<string, HeaderValue> = customOf(task, id, trace, call.headers)
  custom[SENT_HEADER] = Math.round(nowMs)
  if (deadlineMs !== Infinity) custom[DEADLINE_HEADER] = Math.ceil(deadlineMs)
  if (mark !== undefined) custom[ONCE_HEADER] = mark
  const isLimited = call.timeLimit !== undefined || call.softTimeLimit !== undefined
  // At once, and not over `newRequest`: each message sent comes here, and to put together twice what has thirty members shows.
  const request: TaskRequest = {
    id,
    task: task.name,
    lang: 'js',
    shadow: call.shadow ?? options.shadow ?? null,
    eta: etaMs === undefined ? null : formatIso(etaMs),
    expires: expiresAtMs === undefined ? null : formatIso(expiresAtMs),
    timelimit: isLimited
      ? [seconds(call.timeLimit) ?? task.timelimit[0], seconds(call.softTimeLimit) ?? task.timelimit[1]]
      : task.timelimit,
    group: place?.group ?? null,
    groupIndex: place?.groupIndex ?? null,
    retries: 0,
    rootId: place?.rootId ?? (current ? current.request.rootId : id),
    parentId: place?.parentId ?? (current ? current.id : null),
    argsrepr: argsRepr(args),
    kwargsrepr: kwargsRepr(kwargs),
    origin: ORIGIN,
    ignoreResult,
    custom,
    replyTo: call.replyTo ?? (ignoreResult ? '' : (replyTo ?? '')),
    correlationId: id,
    priority: route.priority,
    replacedTaskNesting: place?.replacedTaskNesting ?? 0,
    stamps: place?.stamps ?? NO_STAMPS,
    stampedHeaders: place?.stampedHeaders ?? null,
    contentType: written.contentType,
    contentEncoding: written.contentEncoding,
    compression: written.compression,
    body: written.body,
  }
  const expirationMs = expiresAtMs === undefined ? undefined : Math.max(0, Math.ceil(expiresAtMs - nowMs))
  return {
    request,
    route,
    expiresAtMs,
    dueAtMs: etaMs === undefined ? undefined : Math.min(etaMs, expiresAtMs ?? Infinity),
    expirationMs: expirationMs !== undefined && expirationMs <= LONGEST_EXPIRATION_MS ? expirationMs : undefined,
  }
}

/** Headers of the caller's, the task's and the trace's, in an object of the message's own. Most calls have none. */
function customOf(
  { name, options }: Sendable,
  id: string,
  trace: TraceContext | undefined,
  own: Headers | undefined,
): Record<string, HeaderValue> {
  const tracer = currentTracer()
  if (!trace && !options.headers && !own && !tracer) return {}
  const given: Headers = { ...trace, ...options.headers, ...own }
  return { ...given, ...tracer?.send(name, id, given) }
}

function routing(task: string, own: RouteOptions, settings: RouteSettings): Routing {
  const isFixed = settings.routes.every(({ isDynamic }) => !isDynamic)
  let fixed: Route | undefined
  return (args, kwargs, call) => {
    const { queue, exchange, routingKey, priority, deliveryMode } = call
    const isOwn = (queue ?? exchange ?? routingKey ?? priority ?? deliveryMode) === undefined
    if (isOwn && fixed) return fixed
    const options = {
      queue: queue ?? own.queue,
      exchange: exchange ?? own.exchange,
      routingKey: routingKey ?? own.routingKey,
      priority: priority ?? own.priority,
      deliveryMode: deliveryMode ?? own.deliveryMode,
    }
    const route = resolveRoute(settings, { task, args, kwargs, options })
    if (isOwn && isFixed) fixed = route
    return route
  }
}

function atMs(when: number | Date | undefined, nowMs: number): number | undefined {
  if (when === undefined) return undefined
  return typeof when === 'number' ? nowMs + when : when.getTime()
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000
}
