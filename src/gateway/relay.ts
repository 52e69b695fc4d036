import type { Clock } from '../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { failureText, readFailure, type Failure } from '../protocol/failure.ts'
import { payloadValue, type Outcome } from '../protocol/outcome.ts'
import type { AsyncResult } from '../app/async-result.ts'
import type { Abandoning } from './abandoning.ts'
import { loggedUrl } from './access-line.ts'
import { remainingOf } from './deadline.ts'
import type { Call } from './arguments.ts'
import { begin } from './begin.ts'
import type { Joins } from './joins.ts'
import type { Limits } from './limit.ts'
import type { Refusal } from './refusal.ts'
import type { Waits } from './waits.ts'
import { patienceOf, type Patience } from './prefer.ts'
import {
  errorReply,
  isThenable,
  jsonReply,
  replyOf,
  resultsReply,
  safeError,
  type Reply,
  type SafeError,
} from './reply.ts'
import type { RouteRequest, TaskRoute } from './route.ts'
import type { Tickets } from './tickets.ts'

/** What all requests of one gateway share. */
export interface Desk {
  /** Requests that wait for a task now. */
  inFlight: number
  readonly maxInFlight: number
  readonly tickets: Tickets
  /** Ends the tasks that nobody waits for any more. */
  readonly abandoning: Abandoning
  /** Which task a retried request belongs to. */
  readonly joins: Joins
  readonly limits: Limits
  /** Sends away who cannot be served in time; undefined: nobody is. */
  readonly refusal: Refusal | undefined
  /** Who waits for tasks that several requests share. */
  readonly waits: Waits
  readonly clock: Clock
  /** Why nothing can be sent, where that has been known for a while; undefined when it can be tried. */
  readonly outage: () => LovageError | undefined
}

/** The one who waits for a reply, and what is known of its task: filled in as it becomes known. */
export interface Caller {
  /** Id of the task that was sent. */
  id: string | undefined
  /** Milliseconds that the task ran, where its worker told. */
  runMs: number | undefined
  /** Nobody waits any more. */
  readonly isGone: boolean
  /** Called once, when that becomes so. */
  onGone: (() => void) | undefined
}

/** How far a request has come. */
interface Progress {
  readonly patience: Patience
  result?: AsyncResult
  /** Other requests may wait for the same task. */
  isShared?: boolean
  /** It does not wait any more; where those who do are counted. */
  leave?: () => void
  /** Its place is free for another, where the route has a limit. */
  release?: () => void
  /** Until when the caller needs the answer; epoch ms. */
  deadlineMs?: number
  outcome?: Outcome
}

/**
 * The way of a request: to a task, to its outcome, to a reply. Knows nothing of the HTTP framework, blocks nothing, and
 * never rejects: whatever goes wrong is a reply.
 */
export async function relay(desk: Desk, route: TaskRoute, request: RouteRequest, caller: Caller): Promise<Reply> {
  if (desk.inFlight >= desk.maxInFlight) return errorReply(new LovageError('OVERLOADED', { inFlight: desk.inFlight }))
  const outage = desk.outage()
  if (outage) return errorReply(outage)
  const patience = patienceOf(route, request.headers['prefer'] as string | undefined)
  const progress: Progress = { patience }
  desk.inFlight++
  try {
    const startedMs = desk.clock.monotonic()
    const refused = route.guard && (await route.guard(request))
    if (refused !== undefined) return replyOf(refused, route.contentType)
    if (route.limit) progress.release = await desk.limits.enter(route.where, route.limit, request, route.timeoutMs)
    const remainingMs = remainingOf(route.deadline, request.headers, patience)
    const arrivedMs = desk.clock.now() - (desk.clock.monotonic() - startedMs)
    const call = withDeadline(route.call(request), arrivedMs, remainingMs, progress)
    const { result, isShared } = await begin(desk, route, request, caller, call, remainingMs)
    progress.result = result
    progress.isShared = isShared
    if (isShared && route.abandonAfterMs !== undefined) progress.leave = desk.waits.arrive(result.id, sharedMs(route))
    if (patience.waitMs === 0) return followed(await placed(desk, route, result.id, progress), patience)

    // Who hangs up gives up the slot, and with it this wait.
    caller.onGone = isShared ? undefined : () => forget(result)
    if (caller.isGone) throw new LovageError('CLIENT_GONE')
    const leftMs = Math.min(patience.waitMs, remainingMs ?? Infinity) - (desk.clock.monotonic() - startedMs)
    const timeout = Math.max(1, leftMs)
    const outcome = await result.outcome(isShared ? { timeout, signal: request.signal } : { timeout })
    if (isLate(outcome, progress, desk.clock)) throw new LovageError('RESULT_TIMEOUT', { id: result.id, timeoutMs: 0 })
    progress.outcome = outcome
    caller.runMs = outcome.runMs
    desk.refusal?.ran(route, outcome.runMs)
    const reply = outcomeReply(route, request, outcome)
    return followed(reply instanceof Promise ? await reply : reply, patience)
  } catch (error) {
    abandon(desk, route, caller, progress, error)
    return followed(await faultReply(desk, route, request, caller, progress, error), patience)
  } finally {
    caller.onGone = undefined
    settle(progress)
    progress.leave?.()
    progress.release?.()
    desk.inFlight--
  }
}

/** Nobody will ask for a result that was answered: giving it up keeps the memory of a busy gateway flat. */
function settle({ result, isShared, outcome }: Progress): void {
  if (result && outcome && !isShared) forget(result)
}

/** Who waited is gone, or has waited long enough: the task of a caller is wanted no more. */
function abandon(
  { abandoning, waits }: Desk,
  { abandonAfterMs }: TaskRoute,
  { id, isGone }: Caller,
  { deadlineMs, outcome, patience, isShared }: Progress,
  error: unknown,
): void {
  if (id === undefined || abandonAfterMs === undefined || outcome) return
  // Who was told where the result will be comes for it.
  const isOver = isLovageError(error, 'RESULT_TIMEOUT') ? !patience.thenAccept : isLovageError(error, 'PUBLISH_TIMEOUT')
  if (isGone || isOver) abandoning.leave(id, abandonAfterMs, deadlineMs, isShared ? () => waits.isAlone(id) : undefined)
}

/** It ended unrun, because its caller's time was over: the caller sees a wait that was too long, as it nearly was. */
function isLate({ state }: Outcome, { deadlineMs = Infinity }: Progress, clock: Clock): boolean {
  return state === 'REVOKED' && deadlineMs <= clock.now()
}

function withDeadline(call: Call, arrivedMs: number, remainingMs: number | undefined, progress: Progress): Call {
  if (remainingMs === undefined) return call
  progress.deadlineMs = arrivedMs + remainingMs
  return { ...call, options: { ...call.options, deadline: new Date(progress.deadlineMs) } }
}

function forget(result: AsyncResult): void {
  result.forget().catch((error: unknown) => {
    log('debug', 'gateway', 'result was not dropped', { id: result.id, error: messageOf(error) })
  })
}

/** Says which preferences were followed. */
function followed(reply: Reply, { applied }: Patience): Reply {
  if (applied === undefined) return reply
  return { ...reply, headers: { ...reply.headers, 'preference-applied': applied, vary: 'prefer' } }
}

/** How long it is known that somebody waits for a shared task: longer than any wait for it, and as long as retries join. */
function sharedMs({ join, timeoutMs }: TaskRoute): number {
  return (join?.ttlMs ?? 0) + 2 * timeoutMs
}

async function placed(desk: Desk, { task }: TaskRoute, id: string, progress: Progress): Promise<Reply> {
  // Who is told where the result will be comes for it: he is still one who waits.
  progress.leave = undefined
  await desk.tickets.give(id, task.name)
  const location = `/tasks/${encodeURIComponent(id)}`
  return jsonReply(202, { id, location }, { location })
}

function outcomeReply(route: TaskRoute, request: RouteRequest, outcome: Outcome): Reply | Promise<Reply> {
  const { id } = outcome
  if (outcome.state === 'SUCCESS') {
    const value = payloadValue(outcome.result)
    if (!route.response) return resultsReply(value)
    const shaped = route.response(value, { id, request })
    if (!isThenable(shaped)) return replyOf(shaped, route.contentType)
    return Promise.resolve(shaped).then((late) => replyOf(late, route.contentType))
  }
  const { error, message } = endOf(route.task.name, outcome, route.exposeErrors)
  return errorReply(error, id, message)
}

/** What clients may read of an outcome that is final and no success. */
export function safeEnd(task: string, outcome: Outcome, expose: boolean): SafeError {
  const { error, message } = endOf(task, outcome, expose)
  return safeError(error, outcome.id, message)
}

/** An outcome that is final and no success, as an error; `message` where the client may read what went wrong. */
function endOf(
  task: string,
  { id, state, result }: Outcome,
  expose: boolean,
): { error: LovageError; message?: string } {
  const failure = readFailure(payloadValue(result))
  const problem = failureText(failure)
  if (state === 'REVOKED') return { error: new LovageError('TASK_REVOKED', { task, id, problem }) }
  if (argumentsRefused(task, failure)) {
    return { error: new LovageError('ARGUMENTS_INVALID', { task, problem }), message: problem }
  }
  const error = new LovageError('TASK_FAILED', { task, id, problem })
  return expose ? { error, message: `${failure.exc_type}: ${problem}` } : { error }
}

/** The worker found what could not be seen from here. Not so when the task itself called another one wrongly. */
function argumentsRefused(task: string, { exc_module: module, exc_message: [message, code] }: Failure): boolean {
  return module === 'lovage' && code === 'ARGUMENTS_INVALID' && String(message).startsWith(`Task ${task} `)
}

async function faultReply(
  desk: Desk,
  route: TaskRoute,
  request: RouteRequest,
  { id, isGone }: Caller,
  progress: Progress,
  thrown: unknown,
): Promise<Reply> {
  const { method, url } = request
  if (isGone) return errorReply(new LovageError('CLIENT_GONE'), id)
  const { result, outcome, patience } = progress
  if (result && !outcome && isLovageError(thrown, 'RESULT_TIMEOUT')) {
    // The task goes on, and the client learns its id: the result can still be asked for.
    if (patience.thenAccept) return placed(desk, route, result.id, progress)
    await desk.tickets.give(result.id, route.task.name)
    if (route.late) return lateReply(route, request, result.id)
    return errorReply(new LovageError('RESULT_TIMEOUT', { id: result.id, timeoutMs: patience.waitMs }), id)
  }
  const reply = errorReply(faultOf(route, method, progress, thrown), id)
  if (reply.status === 500) {
    log('error', 'gateway', 'request could not be handled', { method, url: loggedUrl(url), id, error: thrown })
  }
  return reply
}

async function lateReply({ late, contentType, task }: TaskRoute, request: RouteRequest, id: string): Promise<Reply> {
  const { method, url } = request
  try {
    return replyOf(await late?.({ id, request }), contentType)
  } catch (error) {
    log('error', 'gateway', 'request could not be handled', { method, url: loggedUrl(url), id, error })
    const route = `${method} of ${task.name}`
    return errorReply(new LovageError('HANDLER_FAILED', { route, problem: messageOf(error) }, { cause: error }), id)
  }
}

function faultOf(
  { task: { name: task } }: TaskRoute,
  method: string,
  { result }: Progress,
  thrown: unknown,
): LovageError {
  if (!isLovageError(thrown)) {
    return new LovageError('HANDLER_FAILED', { route: `${method} of ${task}`, problem: messageOf(thrown) })
  }
  // What cannot be encoded on the way there came from the request: /sum/a/b makes NaN.
  if (!result && thrown.code === 'ENCODE_FAILED') {
    return new LovageError('ARGUMENTS_INVALID', { task, problem: messageOf(thrown) }, { cause: thrown })
  }
  return thrown
}
