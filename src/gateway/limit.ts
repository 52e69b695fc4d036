import { createHash } from 'node:crypto'
import type { App } from '../app/app.ts'
import { checkAll, shown, Unfit, whole, type Check, type Checks } from '../app/check.ts'
import type { Clock } from '../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { Oldest } from '../base/oldest.ts'
import type { Store } from '../store/store.ts'
import type { RouteRequest } from './route.ts'

/** How much of a route is let in. */
export interface LimitOptions<Params = Readonly<Record<string, string>>> {
  /** Most requests at a time. 1 to 10,000. */
  readonly concurrency?: number
  /** Most requests in a time: `'10/s'`, `'100/m'`, `'1000/h'`. */
  readonly rate?: `${number}/${'s' | 'm' | 'h'}`
  /** Whose limit it is: each key has its own. Default: all requests of the route share one. */
  readonly key?: (request: RouteRequest<Params>) => string | undefined
}

/** A rate: so many in each window. */
interface Rate {
  readonly count: number
  readonly windowMs: number
}

/** The option, checked. */
export interface CheckedLimit {
  concurrency?: number
  rate?: Rate
  key?: (request: RouteRequest) => string | undefined
}

const WINDOWS = { s: 1_000, m: 60_000, h: 3_600_000 } as const

/** Most keys of which one process knows the state, where there is no store. */
const MOST_KEYS = 100_000

const rate: Check<Rate> = (value) => {
  const [, count, unit] = /^(\d+)\/([smh])$/.exec(String(value)) ?? []
  if (count !== undefined && Number(count) > 0) {
    return { count: Number(count), windowMs: WINDOWS[unit as keyof typeof WINDOWS] }
  }
  throw new Unfit(`is ${shown(value)}, which is no rate`, "Write '10/s', '100/m' or '1000/h'")
}

const CHECKS: Checks<Required<CheckedLimit>> = {
  concurrency: whole(1, 10_000),
  rate,
  key: (value) => {
    if (typeof value === 'function') return value as Required<CheckedLimit>['key']
    throw new Unfit(`is ${shown(value)}`, 'Write (request) => ...')
  },
}

/** Checks the option `limit` of a route. */
export const limitOption: Check<CheckedLimit> = (value) => {
  const unfit = (option: string, problem: string, fix: string): Unfit =>
    new Unfit(`has a member ${option} that ${problem}`, fix)
  const fix = "Write { concurrency: 10 } or { rate: '10/s' }"
  if (typeof value !== 'object' || value === null) throw new Unfit(`must be an object, and is ${shown(value)}`, fix)
  const checked = checkAll<Required<CheckedLimit>>(value, CHECKS, {
    unknown: (option, help) => unfit(option, 'does not exist', help),
    invalid: unfit,
  })
  if (!checked.concurrency && !checked.rate) throw new Unfit('limits nothing', fix)
  return checked
}

/** Lets a request go; called once. */
export type Release = () => void

/**
 * Keeps the limits of routes: over all gateways where there is a store, else those of this process alone. A store that
 * cannot be reached lets everybody in: a limit is no reason for an outage.
 */
export class Limits {
  readonly #clock: Clock
  readonly #store: (() => Promise<Store>) | undefined
  readonly #running = new Map<string, number>()
  readonly #windows = new Map<string, { readonly id: string; readonly untilMs: number; count: number }>()
  readonly #oldest = new Oldest(this.#windows, ({ id }: { id: string }) => id)

  constructor(app: Pick<App, 'settings' | 'store'>, clock: Clock) {
    this.#clock = clock
    this.#store = app.settings.store === undefined ? undefined : () => app.store('A limit')
  }

  /**
   * Lets a request in. `longestMs` is how long it may last.
   * @throws LovageError `LIMIT_REACHED`, `RATE_REACHED`
   */
  async enter(where: string, limit: CheckedLimit, request: RouteRequest, longestMs: number): Promise<Release> {
    const key = limit.key?.(request)
    const id = createHash('sha256')
      .update(where)
      .update('\0')
      .update(String(key ?? ''))
      .digest('hex')
    try {
      return await (this.#store ? this.#enterAll(this.#store, id, limit, longestMs) : this.#enterHere(id, limit))
    } catch (error) {
      if (isLovageError(error, 'LIMIT_REACHED') || isLovageError(error, 'RATE_REACHED')) throw error
      log('warn', 'gateway', 'limits could not be looked up: all are let in', { where, error: messageOf(error) })
      return () => {}
    }
  }

  async #enterAll(
    open: () => Promise<Store>,
    id: string,
    { concurrency, rate: limit }: CheckedLimit,
    longestMs: number,
  ): Promise<Release> {
    const store = await open()
    let release: Release = () => {}
    if (concurrency !== undefined) {
      const { lease } = await store.lease(`gateway:limit:${id}`, { ttlMs: Math.ceil(longestMs), slots: concurrency })
      if (!lease) throw tooMany(concurrency)
      release = () => void lease.release().catch(() => {})
    }
    if (!limit) return release
    const { count: max, windowMs } = limit
    const counting = store.count(`gateway:rate:${id}`, { ttlMs: windowMs, max })
    const { isCounted, expiresInMs } = await counting.catch((error: unknown) => {
      // Nobody would give the place back.
      release()
      throw error
    })
    if (isCounted) return release
    release()
    throw tooFast(limit, expiresInMs)
  }

  async #enterHere(id: string, { concurrency, rate: limit }: CheckedLimit): Promise<Release> {
    const running = this.#running.get(id) ?? 0
    if (concurrency !== undefined && running >= concurrency) throw tooMany(concurrency)
    if (limit) this.#take(id, limit)
    if (concurrency === undefined) return () => {}
    this.#running.set(id, running + 1)
    return () => {
      const left = (this.#running.get(id) ?? 1) - 1
      if (left > 0) this.#running.set(id, left)
      else this.#running.delete(id)
    }
  }

  #take(id: string, limit: Rate): void {
    const nowMs = this.#clock.monotonic()
    const known = this.#windows.get(id)
    if (known && known.untilMs > nowMs) {
      if (known.count >= limit.count) throw tooFast(limit, known.untilMs - nowMs)
      known.count++
      return
    }
    const window = { id, untilMs: nowMs + limit.windowMs, count: 1 }
    this.#windows.delete(id)
    this.#windows.set(id, window)
    this.#oldest.add(window)
    for (let first = this.#oldest.value; first && this.#windows.size > MOST_KEYS; first = this.#oldest.value) {
      this.#windows.delete(first.id)
    }
  }
}

/** How long one has to wait whose turn comes when another is answered, nobody knows. */
function tooMany(concurrency: number): LovageError {
  return new LovageError('LIMIT_REACHED', { limit: concurrency, retryAfterS: 1 })
}

function tooFast({ count, windowMs }: Rate, waitMs: number): LovageError {
  const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000))
  return new LovageError('RATE_REACHED', { limit: count, windowS: windowMs / 1000, retryAfterS })
}
