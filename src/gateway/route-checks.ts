import { validateHeaderValue } from 'node:http'
import { checkAll, flag, oneOf, shown, text, Unfit, wait, whole, type Check, type Checks } from '../app/check.ts'
import { checkOptions, SEND_CHECKS, type SendOptions } from '../app/task-options.ts'
import { CALLER_CHECKS, type CheckedCaller } from './deadline.ts'
import { type CheckedJoin, joinOption } from './join.ts'
import { type CheckedLimit, limitOption } from './limit.ts'
import { invalid } from './options.ts'
import type { HandlerOptions, RouteOptions } from './route.ts'

type Functions = 'args' | 'kwargs' | 'guard' | 'response' | 'late'
type AnyFunction = (...args: any[]) => any

/** The options of both kinds of route, checked. */
export interface CheckedHandler {
  contentType: string
  body: 'parsed' | 'raw'
  bodyLimit: number
}

/** Those of a route bound to a task. */
export interface CheckedRoute extends CheckedHandler, CheckedCaller, Record<Functions, AnyFunction> {
  reply: 'wait' | 'accept'
  timeout: number
  waitThenAccept: number
  prefer: boolean
  join: CheckedJoin
  limit: CheckedLimit
  send: SendOptions
}

const fn: Check<AnyFunction> = (value) => {
  if (typeof value === 'function') return value as AnyFunction
  throw new Unfit(`must be a function, and is ${shown(value)}`, 'Write (request) => ...')
}

const headerText: Check<string> = (value) => {
  const checked = text(value)
  try {
    validateHeaderValue('content-type', checked)
  } catch {
    throw new Unfit(`is ${shown(checked)}, which cannot stand in a header`, "Write a media type: 'text/html'")
  }
  return checked
}

const HANDLER_CHECKS: Checks<CheckedHandler> = {
  contentType: headerText,
  body: oneOf('parsed', 'raw'),
  bodyLimit: whole(1),
}

const ROUTE_CHECKS: Checks<CheckedRoute> = {
  ...HANDLER_CHECKS,
  ...CALLER_CHECKS,
  args: fn,
  kwargs: fn,
  guard: fn,
  response: fn,
  late: fn,
  reply: oneOf('wait', 'accept'),
  timeout: wait,
  waitThenAccept: wait,
  prefer: flag,
  join: joinOption,
  limit: limitOption,
  send: (value) => checkOptions(value as object, SEND_CHECKS, 'send') && (value as SendOptions),
}

/**
 * Checks the options of a handler. `where` names the route, for errors: `GET /sum/:x/:y`.
 * @throws LovageError `OPTION_INVALID`
 */
export function checkHandler(where: string, given: HandlerOptions): Partial<CheckedHandler> {
  return checked(where, given, HANDLER_CHECKS)
}

/**
 * Checks the options of a route bound to a task. `where` as above.
 * @throws LovageError `OPTION_INVALID`
 */
export function checkRoute(where: string, given: RouteOptions<any, any, any>): Partial<CheckedRoute> {
  return checked(where, given, ROUTE_CHECKS)
}

function checked<T>(where: string, given: object, checks: Checks<T>): Partial<T> {
  return checkAll<T>(given, checks, {
    unknown: (option, fix) => invalid(option, 'does not exist', fix, where),
    invalid: (option, problem, fix) => invalid(option, problem, fix, where),
  })
}
