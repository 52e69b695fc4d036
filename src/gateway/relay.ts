import type { Clock } from '../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { failureText, readFailure, type Failure } from '../protocol/failure.ts'
import { payloadValue, type Outcome } from '../protocol/outcome.ts'
import type { AsyncResult } from '../app/async-result.ts'
import { errorReply, jsonReply, replyOf, resultsReply, safeError, type Reply, type SafeError } from './reply.ts'
import type { RouteRequest, TaskRoute } from './route.ts'
import type { Tickets } from './tickets.ts'

/** What all requests of one gateway share. */
export interface Desk {
  /** Requests that wait for a task now. */
  inFlight: number
  readonly maxInFlight: number
  readonly tickets: Tickets
  readonly clock: Clock
  /** Why nothing can be sent, where that has been known for a while; undefined when it can be tried. */
  readonly outage: () => LovageError | undefined
}

/** What is known of a request's task, filled in as it becomes known. */
export interface Trace {
  id: string | undefined
  runMs: number | undefined
}

/**
 * The way of a request: to a task, to its outcome, to a reply. Knows nothing of the HTTP framework, blocks nothing, and
 * never rejects: whatever goes wrong is a reply.
 */
export async function relay(desk: Desk, route: TaskRoute, request: RouteRequest, trace: Trace): Promise<Reply> {
  if (desk.inFlight >= desk.maxInFlight) return errorReply(new LovageError('OVERLOADED', { inFlight: desk.inFlight }))
  const outage = desk.outage()
  if (outage) return errorReply(outage)
  desk.inFlight++
  try {
    return await ask(desk, route, request, trace)
  } catch (error) {
    return faultReply(error, route, request, trace.id)
  } finally {
    desk.inFlight--
  }
}

async function ask(desk: Desk, route: TaskRoute, request: RouteRequest, trace: Trace): Promise<Reply> {
  const startedMs = desk.clock.monotonic()
  const { args, kwargs, options } = route.call(request)
  request.signal.throwIfAborted()
  const sending = kwargs ? route.task.applyAsync(args, { ...options, kwargs }) : route.task.applyAsync(args, options)
  trace.id = sending.id
  const result = await sent(route, sending)
  if (route.accept) return accepted(desk, route, result.id)

  const leftMs = route.timeoutMs - (desk.clock.monotonic() - startedMs)
  const outcome = await waited(desk, route, request, result, Math.max(1, leftMs))
  trace.runMs = outcome.runMs
  return outcomeReply(route, request, outcome)
}

async function waited(
  desk: Desk,
  { task, timeoutMs }: TaskRoute,
  { signal }: RouteRequest,
  result: AsyncResult,
  leftMs: number,
): Promise<Outcome> {
  const { id } = result
  try {
    const outcome = await result.outcome({ timeout: leftMs, signal })
    forget(result)
    return outcome
  } catch (error) {
    if (!isLovageError(error, 'RESULT_TIMEOUT')) {
      forget(result)
      throw error
    }
    // The task goes on, and the client learns its id: the result can still be asked for.
    desk.tickets.give(id, task.name)
    throw new LovageError('RESULT_TIMEOUT', { id, timeoutMs })
  }
}

/** Nobody will ask again: frees the slot at once, which also keeps the memory of a busy gateway flat. */
function forget(result: AsyncResult): void {
  result.forget().catch((error: unknown) => {
    log('debug', 'gateway', 'result was not dropped', { id: result.id, error: messageOf(error) })
  })
}

async function sent(route: TaskRoute, sending: PromiseLike<AsyncResult>): Promise<AsyncResult> {
  try {
    return await sending
  } catch (error) {
    if (!isLovageError(error, 'ENCODE_FAILED')) throw error
    // What cannot be encoded came from the request: /sum/a/b makes NaN.
    throw new LovageError('ARGUMENTS_INVALID', { task: route.task.name, problem: messageOf(error) }, { cause: error })
  }
}

function accepted(desk: Desk, route: TaskRoute, id: string): Reply {
  desk.tickets.give(id, route.task.name)
  const location = `/tasks/${encodeURIComponent(id)}`
  return jsonReply(202, { id, location }, { location })
}

async function outcomeReply(route: TaskRoute, request: RouteRequest, outcome: Outcome): Promise<Reply> {
  const { id } = outcome
  if (outcome.state === 'SUCCESS') {
    const value = payloadValue(outcome.result)
    if (!route.response) return resultsReply(value)
    return replyOf(await route.response(value, { id, request }), route.contentType)
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

function faultReply(thrown: unknown, route: TaskRoute, { method, url, signal }: RouteRequest, id?: string): Reply {
  if (signal.aborted) return errorReply(new LovageError('CLIENT_GONE'), id)
  const error = isLovageError(thrown)
    ? thrown
    : new LovageError('HANDLER_FAILED', { route: `${method} ${route.task.name}`, problem: messageOf(thrown) })
  const reply = errorReply(error, id)
  if (reply.status === 500) log('error', 'gateway', 'request could not be handled', { method, url, id, error: thrown })
  return reply
}
