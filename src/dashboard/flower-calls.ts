import type { CallOptions } from '../app/call-options.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { failureRepr, readFailure } from '../protocol/failure.ts'
import { isReady, type Outcome, payloadValue } from '../protocol/outcome.ts'
import type { DashboardContext } from './context.ts'
import type { FlowerCall } from './flower-control.ts'
import { FlowerRefusal } from './flower-request.ts'
import type { Redactor } from './redact.ts'

/** Longest wait of `apply`; Flower waits for ever. */
const LONGEST_WAIT_MS = 10 * 60_000

/** What a program may send with a task, in Celery's words, and what that is here. */
const OPTIONS: Readonly<Record<string, keyof CallOptions>> = {
  queue: 'queue',
  exchange: 'exchange',
  routing_key: 'routingKey',
  priority: 'priority',
  countdown: 'countdown',
  eta: 'eta',
  expires: 'expires',
  task_id: 'taskId',
  serializer: 'serializer',
  compression: 'compression',
  time_limit: 'timeLimit',
  soft_time_limit: 'softTimeLimit',
  ignore_result: 'ignoreResult',
  shadow: 'shadow',
  headers: 'headers',
}

/** Members whose numbers are seconds. */
const SECONDS = new Set(['countdown', 'expires', 'time_limit', 'soft_time_limit'])

/** `apply`, `async-apply`, `send-task`: tasks sent by JSON; its body comes with the arguments. */
export function sendCalls(context: DashboardContext, redactor: Redactor) {
  const { app } = context
  const send = async (task: string, body: unknown, isOurs: boolean): Promise<string> => {
    const { args = [], kwargs = {}, ...options } = readBody(body)
    if (!Array.isArray(args)) throw new FlowerRefusal(400)
    if (isOurs && !app.registry.get(task)) throw new FlowerRefusal(404)
    try {
      const { id } = await app.sendTask(task, args, kwargs as Record<string, unknown>, readOptions(options))
      return id
    } catch (error) {
      if (isLovageError(error) && /^(OPTION|ARGUMENTS)_INVALID$/.test(error.code)) throw new FlowerRefusal(400)
      throw error
    }
  }
  const begun = async (id: string): Promise<Record<string, unknown>> => {
    const state = (await latest(context, id))?.state ?? 'PENDING'
    return { 'task-id': id, state }
  }
  return {
    'task/apply': async (task: string, body: unknown) => {
      const id = await send(task, body, true)
      const outcome = await app.asyncResult(id).outcome({ timeout: LONGEST_WAIT_MS })
      return { 'task-id': id, ...resultOf(outcome, task, redactor), state: outcome.state }
    },
    'task/async-apply': async (task: string, body: unknown) => begun(await send(task, body, true)),
    'task/send-task': async (task: string, body: unknown) => begun(await send(task, body, false)),
  }
}

/** `GET /api/task/result/<id>`. */
export async function taskResult(
  context: DashboardContext,
  redactor: Redactor,
  id: string,
  timeoutS: number | undefined,
): Promise<Record<string, unknown>> {
  const task = context.tasks.get(id)?.name ?? null
  const known = await latest(context, id)
  const outcome = timeoutS && !(known && isReady(known.state)) ? await waited(context, id, timeoutS) : known
  if (!outcome) return { 'task-id': id, state: 'PENDING' }
  const result = isReady(outcome.state) ? resultOf(outcome, task, redactor) : {}
  return { 'task-id': id, state: outcome.state, ...result }
}

/** `POST /api/task/abort/<id>`: Python's abortable tasks look for this state where results are. */
export const abort =
  ({ app }: DashboardContext): FlowerCall =>
  async (id) => {
    const { backend } = await app.client()
    if (backend.kind === 'rpc') throw new FlowerRefusal(503)
    await backend.put({ id, state: 'ABORTED', result: { value: null }, traceback: null }, {})
    return { message: `Aborted '${id}'` }
  }

async function latest({ app }: DashboardContext, id: string): Promise<Outcome | undefined> {
  return app.asyncResult(id).latest()
}

async function waited({ app }: DashboardContext, id: string, timeoutS: number): Promise<Outcome | undefined> {
  const timeout = Math.min(Math.max(timeoutS, 0) * 1000, LONGEST_WAIT_MS)
  try {
    return await app.asyncResult(id).outcome({ timeout })
  } catch (error) {
    if (isLovageError(error, 'RESULT_TIMEOUT')) return app.asyncResult(id).latest()
    throw error
  }
}

function resultOf({ state, result, traceback }: Outcome, task: string | null, redactor: Redactor) {
  const value = payloadValue(result)
  if (state === 'SUCCESS') return { result: redactor.result(task, value) }
  const shown = redactor.task({ name: task, exception: failureRepr(readFailure(value)), traceback })
  return { result: shown.exception, ...(state === 'FAILURE' && { traceback: shown.traceback }) }
}

function readBody(body: unknown): Record<string, unknown> {
  if (!Buffer.isBuffer(body) || body.length === 0) return {}
  let read: unknown
  try {
    read = JSON.parse(body.toString())
  } catch (error) {
    throw new FlowerRefusal(400, messageOf(error))
  }
  if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read as Record<string, unknown>
  throw new FlowerRefusal(400, 'invalid options')
}

function readOptions(given: Record<string, unknown>): CallOptions {
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    const ours = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined
    if (ours === undefined) throw new FlowerRefusal(400)
    options[ours] = readOption(name, value)
  }
  return options as CallOptions
}

function readOption(name: string, value: unknown): unknown {
  if (name === 'eta' || (name === 'expires' && typeof value === 'string' && !Number.isFinite(Number(value)))) {
    // `2026-01-31 09:30:00.000000`, which is UTC to Celery.
    const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{1,6})?$/.exec(String(value))
    if (!match) throw new FlowerRefusal(400)
    return new Date(`${match[1]}T${match[2]}${(match[3] ?? '.000').slice(0, 4)}Z`)
  }
  if (!SECONDS.has(name)) return value
  const seconds = Number(value)
  if (!Number.isFinite(seconds) || seconds < 0) throw new FlowerRefusal(400)
  return seconds * 1000
}
