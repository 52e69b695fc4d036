import { globSource } from '../protocol/glob.ts'
import { type Check, type Checks, shortText, shown, Unfit, whole } from './check.ts'
import { checkMembers, deliveryMode } from './queue-options.ts'

/** Where messages of a task go, and how. */
export interface RouteOptions {
  readonly queue?: string | undefined
  readonly exchange?: string | undefined
  readonly routingKey?: string | undefined
  /** 0 to 255, the highest first. */
  readonly priority?: number | undefined
  /** 2 on disk, 1 in memory. */
  readonly deliveryMode?: 1 | 2 | undefined
}

/** The name of a queue, or all there is to say. */
export type RouteTarget = string | RouteOptions

/**
 * Says where a call goes, or, with undefined or null, that others may say it. `options` are those of the call and of the
 * task, which win over what it says.
 */
export type RouteFunction = (
  task: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  options: RouteOptions,
) => RouteTarget | null | undefined

/** One task, by its name or by a pattern of names: a text with `*` in it, or a regular expression. */
export type RoutePair = readonly [name: string | RegExp, target: RouteTarget]

/** One router: a table of names and patterns, or a function. */
export type RouterOption = Readonly<Record<string, RouteTarget>> | readonly RoutePair[] | RoutePair | RouteFunction

/** What the setting `routes` takes: Celery's `task_routes`. Of several routers the first that knows the task decides. */
export type RoutesOption = Readonly<Record<string, RouteTarget>> | RouteFunction | readonly RouterOption[]

/** A router as it is used. What it throws is for who calls the task. */
export interface Router {
  /** It may say something else at each call. */
  readonly isDynamic: boolean
  readonly route: RouteFunction
}

const TARGET_CHECKS: Checks<RouteOptions> = {
  queue: shortText,
  exchange: shortText,
  routingKey: shortText,
  priority: whole(0, 255),
  deliveryMode,
}

/**
 * Checks what a route says.
 * @throws Unfit
 */
export const routeTarget: Check<RouteOptions> = (value) => {
  if (typeof value === 'string') return Object.freeze({ queue: shortText(value) })
  return Object.freeze(checkMembers(value, TARGET_CHECKS, "Write the name of a queue, or { queue: 'media' }"))
}

/** The check of the setting `routes`. */
export const routers: Check<readonly Router[]> = (value) => {
  const list = Array.isArray(value) ? (value as unknown[]) : [value]
  return Object.freeze(list.map(router))
}

function router(value: unknown): Router {
  const fix = "Write { 'media.*': 'media' }, [[/^media\\./, 'media']] or a function"
  if (typeof value === 'function') return { isDynamic: true, route: value as RouteFunction }
  if (typeof value !== 'object' || value === null) throw new Unfit(`has ${shown(value)}, which is no router`, fix)
  if (!Array.isArray(value)) return table(Object.entries(value))
  const [first] = value as unknown[]
  return table(typeof first === 'string' || first instanceof RegExp ? [value] : (value as unknown[]))
}

/** Celery's `MapRoute`: exact names before patterns, patterns in their order. */
function table(pairs: readonly unknown[]): Router {
  const names = new Map<string, RouteOptions>()
  const patterns = new Map<string, [RegExp, RouteOptions]>()
  for (const pair of pairs) {
    const [name, target] = Array.isArray(pair) && pair.length === 2 ? (pair as unknown[]) : []
    if (!(name instanceof RegExp) && (typeof name !== 'string' || name === '')) {
      throw new Unfit(`has ${shown(pair)}, which is no route`, "Write pairs: [['media.*', 'media']]")
    }
    const route = targetOf(name, target)
    if (typeof name === 'string' && !name.includes('*')) names.set(name, route)
    else {
      const pattern = typeof name === 'string' ? new RegExp(`^${globSource(name)}`, 'su') : fromStart(name)
      patterns.set(String(pattern), [pattern, route])
    }
  }
  const route: RouteFunction = (task) => {
    const named = names.get(task)
    if (named) return named
    for (const [pattern, found] of patterns.values()) if (matches(pattern, task)) return found
    return undefined
  }
  return { isDynamic: false, route }
}

function targetOf(name: string | RegExp, target: unknown): RouteOptions {
  try {
    return routeTarget(target)
  } catch (error) {
    if (!(error instanceof Unfit)) throw error
    throw new Unfit(`is not right: the route of ${String(name)} ${error.message}`, error.fix)
  }
}

/** Python's `match`: it may end where it likes, and begins at the first letter. */
function fromStart(given: RegExp): RegExp {
  return new RegExp(given.source, `${given.flags.replace(/[gy]/g, '')}y`)
}

function matches(pattern: RegExp, task: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(task)
}
