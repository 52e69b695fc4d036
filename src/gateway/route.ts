import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duration } from '../base/duration.ts'
import { isLovageError } from '../base/errors.ts'
import type { SendOptions } from '../app/task-options.ts'
import type { Sending } from '../app/sending.ts'
import type { RemoteTask } from '../app/task.ts'
import type { Registry } from '../app/registry.ts'
import { byName, traced, type Call } from './arguments.ts'
import { callerRules, type CallerOptions, type CallerRules } from './deadline.ts'
import { type JoinOptions, joinRule, type JoinRule } from './join.ts'
import type { CheckedLimit, LimitOptions } from './limit.ts'
import { invalid, type ResolvedOptions } from './options.ts'
import type { Patience } from './prefer.ts'
import { checkRoute, type CheckedRoute } from './route-checks.ts'

/** Methods that a route can have. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

type CutAt<Text extends string, Mark extends string> = Text extends `${infer Head}${Mark}${string}` ? Head : Text
type NameIn<Text extends string> = CutAt<CutAt<CutAt<CutAt<Text, '/'>, '-'>, '.'>, '('>
type Names<Path extends string> = Path extends `${string}:${infer After}` ? NameIn<After> | Names<After> : never
type Wildcard<Path extends string> = Path extends `${string}*` ? '*' : never

/** The parameters in a path: `'/sum/:x/:y'` has `x` and `y`, `:id?` may be missing, `*` takes the rest of the path. */
export type PathParams<Path extends string> = string extends Path
  ? Readonly<Record<string, string>>
  : {
      readonly [Name in Names<Path> | Wildcard<Path> as Name extends `${string}?` ? never : Name]: string
    } & {
      readonly [Name in Names<Path> as Name extends `${infer Bare}?` ? Bare : never]?: string
    }

/** The arguments of a task. */
export type ArgumentsOf<Bound extends RemoteTask<any, any>> = Parameters<Bound['delay']>

/** What a task returns. */
export type ResultOf<Bound extends RemoteTask<any, any>> =
  ReturnType<Bound['delay']> extends Sending<infer Result> ? Result : never

/** A request, as the functions of a route see it. Its members may be taken apart: `({ params, query }) => ...`. */
export interface RouteRequest<Params = Readonly<Record<string, string>>> {
  readonly method: string
  /** Path and query, as they came. */
  readonly url: string
  /** From the path, decoded. Always text. */
  readonly params: Params
  /** From behind the `?`. Always text; a name that comes again makes a list. */
  readonly query: Readonly<Record<string, string | string[]>>
  /**
   * JSON: its value. A form: names to texts, or lists of texts. Text and XML: a text. Anything else, and all of a route
   * with `body: 'raw'`: a Buffer. Undefined when there is none.
   */
  readonly body: unknown
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The bytes of the body, as they came; empty when there is none. */
  readonly raw: Buffer
  /** Node's own request, for what is not here. */
  readonly request: IncomingMessage
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal
}

/** What a `response` function gets beside the result. */
export interface ResponseContext<Params = Readonly<Record<string, string>>> {
  /** Id of the task. */
  readonly id: string
  readonly request: RouteRequest<Params>
}

/** How a route turns requests into tasks and results into responses. */
export interface RouteOptions<Params, Args extends readonly unknown[], Result> extends CallerOptions {
  /**
   * The arguments of the task. Left out: none for a task that takes none; by name, from path, body and query (in this
   * order of precedence), for a task with `params` or `input`.
   * An error that it throws is answered with 500, a LovageError `ARGUMENTS_INVALID` with 422.
   */
  readonly args?: (request: RouteRequest<Params>) => Args
  /** Arguments by name, for tasks that take them; in place of `args`, or beside them. */
  readonly kwargs?: (request: RouteRequest<Params>) => Readonly<Record<string, unknown>>
  /**
   * Looks at a request before anything is sent for it: undefined lets it pass, anything else is its answer, as from
   * `response`. A signature is checked here: a forged request costs no task.
   */
  readonly guard?: (request: RouteRequest<Params>) => unknown
  /**
   * How retries of one request are known: they share its task and get its answer, whichever gateway they come to. Needs a
   * store, and results that every gateway can read. Default: each request has a task of its own.
   */
  readonly join?: JoinOptions<Params>
  /** Requests at a time, or in a time, that are let in; more are refused with 429. Default: any number. */
  readonly limit?: LimitOptions<Params>
  /**
   * `'wait'` answers with the result. `'accept'` answers 202 as soon as the broker has the task, with the place where
   * its result will be. Default `'wait'`.
   */
  readonly reply?: 'wait' | 'accept'
  /** Longest wait for the result; then 504. Default: that of the gateway, `'10s'`. */
  readonly timeout?: Duration
  /** Waits for the result so long, then answers as `reply: 'accept'` does. Not longer than `timeout`. Default: never. */
  readonly waitThenAccept?: Duration
  /**
   * Whether clients may say how long they wait, by `Prefer: wait=5` or `Prefer: respond-async`. Default: true; false where
   * the route has `response`, because the place of a result tells it as it is.
   */
  readonly prefer?: boolean
  /**
   * What is answered with 200, in place of `{"results": value}`: a text or bytes as they are, what `respond()` makes,
   * anything else as JSON.
   */
  readonly response?: (value: Result, context: ResponseContext<Params>) => unknown
  /**
   * What is answered where the wait was too long, in place of 504; as from `response`. The task goes on, under the id in
   * the context. Default: 504 with that id.
   */
  readonly late?: (context: ResponseContext<Params>) => unknown
  /** Content type of a text or bytes from `response`. Default `text/plain; charset=utf-8`, `application/octet-stream`. */
  readonly contentType?: string
  /** `'raw'`: the body is a Buffer whatever its media type. Default `'parsed'`. */
  readonly body?: 'parsed' | 'raw'
  /** Largest body, in bytes. Default: that of the gateway, 1 MiB. */
  readonly bodyLimit?: number
  /** Options that each task is sent with: `{ queue, priority, expires, ... }`. */
  readonly send?: Omit<SendOptions, 'ignoreResult'>
}

/** Options of a route with a handler of your own. */
export interface HandlerOptions {
  /** Content type of a text or bytes. Default `text/plain; charset=utf-8`, `application/octet-stream`. */
  readonly contentType?: string
  /** `'raw'`: the body is a Buffer whatever its media type. Default `'parsed'`. */
  readonly body?: 'parsed' | 'raw'
  /** Largest body, in bytes. Default: that of the gateway, 1 MiB. */
  readonly bodyLimit?: number
}

/** A route bound to a task, checked, as the relay reads it. */
export interface TaskRoute extends CallerRules {
  /** Names it: `GET /sum/:x/:y`. */
  readonly where: string
  readonly limit: CheckedLimit | undefined
  /** Undefined: each request has a task of its own. */
  readonly join: JoinRule | undefined
  readonly task: RemoteTask
  readonly call: (request: RouteRequest) => Call
  readonly guard: ((request: RouteRequest) => unknown) | undefined
  readonly patience: Patience
  readonly prefer: boolean
  readonly timeoutMs: number
  readonly response: ((value: unknown, context: ResponseContext) => unknown) | undefined
  readonly late: ((context: ResponseContext) => unknown) | undefined
  readonly contentType: string | undefined
  readonly exposeErrors: boolean
}

/**
 * Checks the options of a route bound to a task. `where` names the route, for errors: `GET /sum/:x/:y`.
 * @throws LovageError `OPTION_INVALID`
 */
export function taskRoute(
  where: string,
  task: RemoteTask,
  given: RouteOptions<any, any, any>,
  registry: Registry,
  defaults: ResolvedOptions,
): TaskRoute {
  const {
    reply = 'wait',
    timeout,
    waitThenAccept,
    prefer,
    guard,
    response,
    late,
    contentType,
    ...rest
  } = checkRoute(where, given)
  const registered = registry.get(task.name)
  if (reply === 'wait' && (rest.send?.ignoreResult ?? registered?.options.ignoreResult)) {
    const fix = "Drop ignoreResult, or answer with reply: 'accept'"
    throw invalid('reply', `waits for ${task.name}, which is sent with ignoreResult`, fix, where)
  }
  const timeoutMs = timeout ?? defaults.timeoutMs
  return {
    task,
    call: traced(callOf(where, rest, registered)),
    guard,
    patience: patienceOfRoute(where, reply, waitThenAccept, timeoutMs),
    // Who does not wait has nothing to choose.
    prefer: reply === 'wait' && (prefer ?? response === undefined),
    timeoutMs,
    where,
    limit: rest.limit,
    join: joinRule(where, rest.join),
    ...callerRules(rest, registered?.options),
    response,
    late,
    contentType,
    exposeErrors: defaults.exposeErrors,
  }
}

function patienceOfRoute(
  where: string,
  reply: 'wait' | 'accept',
  waitThenAcceptMs: number | undefined,
  timeoutMs: number,
): Patience {
  if (waitThenAcceptMs === undefined) {
    return { waitMs: reply === 'accept' ? 0 : timeoutMs, thenAccept: reply === 'accept', applied: undefined }
  }
  const fix = 'Drop one of the two'
  if (reply === 'accept') throw invalid('waitThenAccept', "cannot stand beside reply: 'accept'", fix, where)
  if (waitThenAcceptMs > timeoutMs) {
    throw invalid('waitThenAccept', `is longer than the timeout of ${timeoutMs} ms`, 'Raise timeout too', where)
  }
  return { waitMs: waitThenAcceptMs, thenAccept: true, applied: undefined }
}

function callOf(
  where: string,
  { args, kwargs, send }: Partial<CheckedRoute>,
  registered: ReturnType<Registry['get']>,
): (request: RouteRequest) => Call {
  const named = args || kwargs ? undefined : byName(registered)
  if (named) return (request) => ({ ...named(request), options: send })
  if (!args && !kwargs && registered && !takesNothing(registered)) {
    const fix = 'Give the route args: (request) => [...], or the task params or input'
    throw invalid('args', `is missing: ${registered.name} takes arguments, and their names are not known`, fix, where)
  }
  return (request) => ({ args: args ? args(request) : [], kwargs: kwargs?.(request), options: send })
}

function takesNothing(task: NonNullable<ReturnType<Registry['get']>>): boolean {
  try {
    void task.check([], {})
    return true
  } catch (error) {
    if (isLovageError(error, 'ARGUMENTS_INVALID')) return false
    throw error
  }
}
