import type { Exchange } from './exchange.ts'
import { Spread } from './spread.ts'

/** What a gateway tells of one route. Names are those of the dashboard's API. */
export interface RouteFigures {
  readonly method: string
  /** The pattern, as it was bound. */
  readonly path: string
  readonly task: string | null
  /** Requests a second, over the last minute. */
  readonly rate: number
  readonly inFlight: number
  /** From a request to its answer, over the last minute. */
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  /** Answers by status since it started. */
  readonly statuses: Readonly<Record<string, number>>
  /** Refusals and failures by their error code, since it started. */
  readonly refusals: Readonly<Record<string, number>>
}

/** Over how long rates and latencies are told. */
const WINDOW_MS = 60_000

/** Parts of that: it moves on by one of them. */
const PARTS = 12

/** Methods by their names; what a client invents makes no row of its own. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Statuses, and codes, of one route that are counted by themselves. */
const MOST_KINDS = 30

/** Longest pattern that is told. */
const MOST_PATH = 200

class OneRoute {
  readonly method: string
  readonly path: string
  readonly spread = new Spread(PARTS)
  readonly statuses = new Map<string, number>()
  readonly refusals = new Map<string, number>()
  task: string | undefined
  inFlight = 0
  total = 0

  constructor(method: string, path: string) {
    this.method = method
    this.path = path
  }
}

/** Counts what a gateway does, by route; requests that meet no route are not told of. Takes the same room however many come. */
export class GatewayFigures {
  readonly #routes: OneRoute[] = []
  /** The same by path and method: a name put together for each request would be hashed anew for each. */
  readonly #byPath = new Map<string, Map<string, OneRoute>>()
  readonly #startedMs: number
  #turnedMs: number

  /** `nowMs`: monotonic, as in all calls. */
  constructor(nowMs: number) {
    this.#startedMs = this.#turnedMs = nowMs
  }

  begun(exchange: Exchange): void {
    const route = this.#of(exchange)
    if (route) route.inFlight++
  }

  ended(exchange: Exchange, nowMs: number): void {
    const route = this.#of(exchange)
    if (!route) return
    this.#turn(nowMs)
    const { status, totalMs, error, task } = exchange
    route.inFlight = Math.max(0, route.inFlight - 1)
    route.task ??= task
    route.total++
    route.spread.add(totalMs)
    raise(route.statuses, String(status))
    if (error !== undefined) raise(route.refusals, error)
  }

  /** The routes that were asked for, the busiest first, at most so many; `left` are the others. */
  tell(nowMs: number, most: number): { readonly routes: readonly RouteFigures[]; readonly left: number } {
    this.#turn(nowMs)
    const seconds = Math.max(1, Math.min(WINDOW_MS, nowMs - this.#startedMs) / 1_000)
    const told = this.#routes.map((route) => ({ route, count: route.spread.count }))
    const busiest = told.toSorted((a, b) => b.count - a.count || b.route.total - a.route.total).slice(0, most)
    const routes = busiest.map(({ route, count }): RouteFigures => {
      const { method, path, task = null, inFlight, spread } = route
      const [p50Ms = null, p95Ms = null, p99Ms = null] = spread.within(0.5, 0.95, 0.99)
      const rate = Math.round((count / seconds) * 100) / 100
      const [statuses, refusals] = [Object.fromEntries(route.statuses), Object.fromEntries(route.refusals)]
      return { method, path: path.slice(0, MOST_PATH), task, rate, inFlight, p50Ms, p95Ms, p99Ms, statuses, refusals }
    })
    return { routes, left: told.length - routes.length }
  }

  /** Bounded: patterns are bound in code, and methods are few. */
  #of({ route: path, method }: Exchange): OneRoute | undefined {
    if (path === undefined) return undefined
    const shown = METHODS.has(method) ? method : 'other'
    let ofPath = this.#byPath.get(path)
    if (!ofPath) this.#byPath.set(path, (ofPath = new Map<string, OneRoute>()))
    let route = ofPath.get(shown)
    if (!route) {
      route = new OneRoute(shown, path)
      ofPath.set(shown, route)
      this.#routes.push(route)
    }
    return route
  }

  #turn(nowMs: number): void {
    const part = WINDOW_MS / PARTS
    // After a long silence all of them are over.
    if (nowMs - this.#turnedMs > WINDOW_MS + part) this.#turnedMs = nowMs - WINDOW_MS - part
    for (; nowMs - this.#turnedMs >= part; this.#turnedMs += part) {
      for (const { spread } of this.#routes) spread.turn()
    }
  }
}

function raise(counts: Map<string, number>, kind: string): void {
  const known = counts.has(kind) || counts.size < MOST_KINDS ? kind : 'other'
  counts.set(known, (counts.get(known) ?? 0) + 1)
}
