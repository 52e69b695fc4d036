import type { CallOptions } from '../app/call-options.ts'
import { checkAll, listOf, oneOf, shown, text, Unfit, type Check } from '../app/check.ts'
import type { RemoteTask } from '../app/task.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { failureText, readFailure } from '../protocol/failure.ts'
import { parseIso } from '../protocol/iso-time.ts'
import { decodeJson } from '../protocol/json.ts'
import { isReady, payloadValue, type Outcome } from '../protocol/outcome.ts'
import { traceOf } from '../protocol/trace-context.ts'
import { pythonRepr } from '../protocol/python-repr.ts'
import type { Exchange } from './exchange.ts'
import { invalid } from './options.ts'
import type { Plugin, PluginParts } from './plugin.ts'
import { safeEnd } from './relay.ts'
import { errorReply, jsonReply, type Reply } from './reply.ts'
import type { ServedRoute } from './server.ts'

/** What `tornadoCelery()` takes. */
export interface TornadoCeleryOptions {
  /** The tasks that can be run, by themselves or by name; nothing else can. */
  readonly tasks: readonly (RemoteTask<any, any> | string)[]
  /** Options that a caller may give beside `args` and `kwargs`, under Celery's names. Default: none. */
  readonly options?: readonly TornadoCeleryOption[]
}

/** Options of a call that mean the same here and in Celery. */
export type TornadoCeleryOption = 'countdown' | 'eta' | 'expires' | 'priority' | 'queue' | 'routing_key' | 'exchange'

type Given = Readonly<Record<string, unknown>>

/** A call, read from a body. */
interface Asked {
  readonly args: readonly unknown[]
  readonly kwargs: Given
  readonly options: CallOptions
  readonly timeoutMs: number
}

const READERS: Readonly<Record<TornadoCeleryOption, (value: unknown) => CallOptions>> = {
  countdown: (value) => ({ countdown: secondsOf(value) }),
  eta: (value) => ({ eta: new Date(parseIso(textOf(value))) }),
  expires: (value) => ({ expires: typeof value === 'number' ? secondsOf(value) : new Date(parseIso(textOf(value))) }),
  priority: (value) => ({ priority: Number(value) }),
  queue: (value) => ({ queue: textOf(value) }),
  routing_key: (value) => ({ routingKey: textOf(value) }),
  exchange: (value) => ({ exchange: textOf(value) }),
}

const task: Check<string> = (value) => {
  const name = typeof value === 'function' ? value.name : value
  if (typeof name === 'string' && name !== '') return name
  throw new Unfit(`has ${shown(value)}, which is no task`, "List tasks, or names of tasks: [add, 'ml.train']")
}

/**
 * The routes of tornado-celery, for clients that know them: `GET /`, `POST /apply/<task>/`, `POST /apply-async/<task>/`,
 * `GET /tasks/result/<id>/`, `DELETE /tasks/revoke/<id>/`, with its statuses and its JSON. Unlike there, only the tasks and
 * options that are listed can be had. `gateway(app).use(tornadoCelery({ tasks: [add] }))`.
 * @throws LovageError `OPTION_INVALID`
 */
export function tornadoCelery(given: TornadoCeleryOptions): Plugin {
  const names = Object.keys(READERS) as TornadoCeleryOption[]
  const checks = { tasks: listOf(task), options: listOf(oneOf(...names)) }
  const where = 'tornadoCelery()'
  const { tasks, options = [] } = checkAll<{ tasks: readonly string[]; options: readonly TornadoCeleryOption[] }>(
    given,
    checks,
    {
      unknown: (option, fix) => invalid(option, 'does not exist', fix, where),
      invalid: (option, problem, fix) => invalid(option, problem, fix, where),
    },
  )
  if (!tasks?.length) throw invalid('tasks', 'names no task', 'List the tasks that may be run', where)
  return (parts) => {
    const face = new TornadoCelery(parts, new Set(tasks), new Set(options))
    const route = (method: string, path: string, answer: ServedRoute['answer']): ServedRoute => {
      // Its clients send JSON under any media type, as curl does.
      return { methods: [method], path, bodyLimit: undefined, raw: true, answer }
    }
    return [
      route('GET', '/', () => text200(`Tasks: ${tasks.join(', ')}`)),
      route('POST', '/apply/:task/', (exchange) => face.apply(exchange)),
      route('POST', '/apply-async/:task/', (exchange) => face.applyAsync(exchange)),
      route('GET', '/tasks/result/:id/', (exchange) => face.result(exchange)),
      route('DELETE', '/tasks/revoke/:id/', (exchange) => face.revoke(exchange)),
    ]
  }
}

class TornadoCelery {
  readonly #parts: PluginParts
  readonly #tasks: ReadonlySet<string>
  readonly #options: ReadonlySet<string>

  constructor(parts: PluginParts, tasks: ReadonlySet<string>, options: ReadonlySet<string>) {
    this.#parts = parts
    this.#tasks = tasks
    this.#options = options
  }

  apply(exchange: Exchange): Promise<Reply> {
    return this.#run(exchange, async (name, asked) => {
      const { app, options } = this.#parts
      const sending = app.sendTask(name, asked.args, asked.kwargs, asked.options)
      exchange.id = sending.id
      const result = await sending
      const gone = new AbortController()
      exchange.onGone = () => gone.abort(new LovageError('CLIENT_GONE'))
      if (exchange.isGone) throw new LovageError('CLIENT_GONE')
      try {
        const outcome = await result.outcome({ timeout: Math.max(1, asked.timeoutMs), signal: gone.signal })
        exchange.runMs = outcome.runMs
        return jsonReply(200, ended(name, outcome, options.exposeErrors))
      } catch (error) {
        if (!isLovageError(error, 'RESULT_TIMEOUT')) throw error
        // As there: who names a timeout wants nothing of the task after it.
        await result.revoke()
        return jsonReply(200, { 'task-id': result.id, state: 'REVOKED' })
      } finally {
        exchange.onGone = undefined
        void result.forget().catch(() => {})
      }
    })
  }

  applyAsync(exchange: Exchange): Promise<Reply> {
    return this.#run(exchange, async (name, asked) => {
      const result = await this.#parts.app.sendTask(name, asked.args, asked.kwargs, asked.options)
      exchange.id = result.id
      await this.#parts.desk.tickets.give(result.id, name)
      return jsonReply(200, { 'task-id': result.id, state: 'PENDING' })
    })
  }

  /** An id that nobody knows is PENDING, as it is to Celery. */
  result(exchange: Exchange): Promise<Reply> {
    return answered(async () => {
      const id = exchange.params['id'] as string
      const { backend } = await this.#parts.app.client()
      const outcome = await backend.get(id)
      if (outcome && isReady(outcome.state)) {
        return jsonReply(200, ended('', outcome, this.#parts.options.exposeErrors))
      }
      return jsonReply(200, { 'task-id': id, state: outcome?.state ?? 'PENDING' })
    })
  }

  revoke(exchange: Exchange): Promise<Reply> {
    return answered(async () => {
      const id = exchange.params['id'] as string
      await this.#parts.app.control.revoke([id], { reply: false })
      return jsonReply(200, { 'task-id': id })
    })
  }

  #run(exchange: Exchange, send: (name: string, asked: Asked) => Promise<Reply>): Promise<Reply> {
    const { desk } = this.#parts
    return answered(async () => {
      const name = exchange.params['task'] as string
      if (!this.#tasks.has(name)) throw new LovageError('ROUTE_UNKNOWN', { method: 'task', path: name })
      exchange.task = name
      const read = this.#read(exchange.raw)
      const trace = traceOf(exchange.headers)
      const asked = trace ? { ...read, options: { ...read.options, headers: { ...trace } } } : read
      if (desk.inFlight >= desk.maxInFlight) throw new LovageError('OVERLOADED', { inFlight: desk.inFlight })
      const outage = desk.outage()
      if (outage) throw outage
      desk.inFlight++
      try {
        return await send(name, asked)
      } finally {
        desk.inFlight--
      }
    }, exchange)
  }

  #read(body: Buffer): Asked {
    const { timeoutMs: longest } = this.#parts.options
    const { args = [], kwargs = {}, timeout, ...rest } = objectOf(body)
    if (!Array.isArray(args)) throw bad('args is no list')
    if (typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs)) throw bad('kwargs is no object')
    let options: CallOptions = {}
    for (const [name, value] of Object.entries(rest)) {
      if (!this.#options.has(name)) throw bad(`option ${JSON.stringify(name)} is not allowed here`)
      options = { ...options, ...READERS[name as TornadoCeleryOption](value) }
    }
    const timeoutMs = timeout === undefined || timeout === null ? longest : Math.min(longest, secondsOf(timeout))
    return { args, kwargs: kwargs as Given, options, timeoutMs }
  }
}

/** How a task ended, as tornado-celery tells it. What went wrong only where errors are shown. */
function ended(task: string, outcome: Outcome, expose: boolean): object {
  const common = { 'task-id': outcome.id, state: outcome.state }
  if (outcome.state === 'SUCCESS') return { ...common, result: payloadValue(outcome.result) }
  if (!expose) return { ...common, error: safeEnd(task, outcome, false).message }
  const failure = readFailure(payloadValue(outcome.result))
  const error = `${failure.exc_type}(${failure.exc_message.map((part) => pythonRepr(part)).join(', ')})`
  return { ...common, traceback: outcome.traceback, error: failureText(failure) === '' ? failure.exc_type : error }
}

async function answered(answer: () => Promise<Reply>, exchange?: Exchange): Promise<Reply> {
  try {
    return await answer()
  } catch (error) {
    if (exchange?.isGone) return errorReply(new LovageError('CLIENT_GONE'), exchange.id)
    if (isLovageError(error, 'OPTION_INVALID') || isLovageError(error, 'MESSAGE_INVALID')) {
      return errorReply(bad(messageOf(error)))
    }
    if (isLovageError(error)) return errorReply(error, exchange?.id)
    log('error', 'gateway', 'request could not be handled', { route: 'tornado-celery', error })
    return errorReply(new LovageError('HANDLER_FAILED', { route: 'tornado-celery', problem: messageOf(error) }))
  }
}

function objectOf(body: Buffer): Given {
  let value: unknown
  try {
    value = decodeJson(body.toString('utf8'))
  } catch (error) {
    throw bad(messageOf(error))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it is no object')
  return value as Given
}

function secondsOf(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value * 1000
  throw bad(`${shown(value)} is no number of seconds`)
}

function textOf(value: unknown): string {
  try {
    return text(value)
  } catch {
    throw bad(`${shown(value)} is no text`)
  }
}

function bad(problem: string): LovageError {
  return new LovageError('BODY_INVALID', { expected: 'JSON', problem })
}

function text200(body: string): Reply {
  return { status: 200, headers: { 'content-type': 'text/html; charset=UTF-8' }, body: escaped(body) }
}

function escaped(body: string): string {
  return body.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
