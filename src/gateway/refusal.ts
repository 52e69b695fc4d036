import { createHash } from 'node:crypto'
import type { App } from '../app/app.ts'
import { resolveRoute } from '../app/routes.ts'
import { type Clock, deadline, sleep } from '../base/clock.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Store } from '../store/store.ts'
import { Forecast } from './forecast.ts'
import type { RouteRequest, TaskRoute } from './route.ts'
import { Slots } from './slots.ts'

/** Between two looks at the queues, and between two questions to the workers, in milliseconds. */
const LOOK_MS = 500
const ASK_MS = 5_000

/** A worker that has not answered for so long is gone: about three questions. */
const SILENT_MS = 20_000

/** Longest wait for either. */
const PATIENCE_MS = 2_000

const FORECAST = { safety: 0.8, share: 0.8, staleMs: 5_000, longestMs: 600_000, lateMs: 5_000, most: 100_000 }

/**
 * Sends away at once who cannot be served in time. Looks at queues and workers in the background, so that no request waits
 * for that; where it knows nothing, or nothing new, it sends nobody away.
 */
export class Refusal {
  readonly #app: App
  readonly #clock: Clock
  readonly #forecasts = new Map<string, Forecast>()
  readonly #queues = new WeakMap<TaskRoute, string>()
  readonly #slots = new Slots(SILENT_MS)
  #stop: AbortController | undefined

  constructor(app: App, clock: Clock) {
    this.#app = app
    this.#clock = clock
  }

  /** From now on requests of this route may be sent away; `send` is what its tasks are sent with. */
  watch(route: TaskRoute, send: object | undefined): void {
    const queue = queueOf(this.#app, route.task.name, send)
    // Where it goes cannot be told in advance.
    if (queue === undefined) return
    this.#queues.set(route, queue)
    if (!this.#forecasts.has(queue)) this.#forecasts.set(queue, new Forecast(FORECAST))
  }

  /** Begins to look. */
  start(): void {
    if (this.#stop || this.#forecasts.size === 0) return
    this.#stop = new AbortController()
    const { signal } = this.#stop
    void this.#repeat(() => this.#look(), LOOK_MS, signal)
    void this.#repeat(() => this.#ask(), ASK_MS, signal)
  }

  stop(): void {
    this.#stop?.abort()
    this.#stop = undefined
  }

  /**
   * Lets a request pass, or not.
   * @throws LovageError `DEADLINE_UNREACHABLE`
   */
  async check(route: TaskRoute, request: RouteRequest, leftMs: number | undefined): Promise<void> {
    const forecast = this.#forecastOf(route)
    if (!forecast || leftMs === undefined) return
    const { task } = route
    const nowMs = this.#clock.monotonic()
    // Most of the time nobody waits, and nobody need be known.
    if (forecast.promised === 0 && !forecast.waitMs(nowMs)) return forecast.sent()
    const who = whoOf(request)
    const verdict = forecast.judge(nowMs, task.name, leftMs, who)
    if (verdict.isIn || (await this.#isPromisedElsewhere(who, forecast))) return forecast.sent()
    const retryAfterS = Math.max(1, Math.ceil(verdict.retryInMs / 1000))
    this.#tellOthers(who, verdict.retryInMs)
    throw new LovageError('DEADLINE_UNREACHABLE', { task: task.name, leftMs: Math.round(leftMs), retryAfterS })
  }

  /** A task has run for so long. */
  ran(route: TaskRoute, runMs: number | undefined): void {
    if (runMs !== undefined) this.#forecastOf(route)?.ran(route.task.name, runMs)
  }

  #forecastOf(route: TaskRoute): Forecast | undefined {
    const queue = this.#queues.get(route)
    return queue === undefined ? undefined : this.#forecasts.get(queue)
  }

  async #repeat(act: () => Promise<void>, everyMs: number, signal: AbortSignal): Promise<void> {
    const { name } = this.#app
    while (!signal.aborted) {
      try {
        await act()
      } catch (error) {
        log('debug', 'gateway', 'queues or workers could not be looked at', { app: name, error: messageOf(error) })
      }
      await sleep(this.#clock, everyMs, signal).catch(() => {})
    }
  }

  async #look(): Promise<void> {
    const { admin } = (await this.#app.client()).broker
    for (const [queue, forecast] of this.#forecasts) {
      const slots = this.#slots.of(queue)
      if (slots === undefined || !admin) continue
      const depth = await this.#timely(admin.depth(queue))
      if (depth) forecast.sampled(this.#clock.monotonic(), depth.messages, slots)
    }
  }

  async #ask(): Promise<void> {
    const inspect = this.#app.control.inspect()
    const [stats, queues] = await Promise.all([inspect.stats(), inspect.activeQueues()])
    this.#slots.heard(this.#clock.monotonic(), stats, queues)
    await this.#look()
  }

  #timely<T>(promise: Promise<T>): Promise<T> {
    return deadline(
      this.#clock,
      promise,
      PATIENCE_MS,
      () => new LovageError('PUBLISH_TIMEOUT', { timeoutMs: PATIENCE_MS }),
    )
  }

  /** Another gateway may have told him to come now. */
  async #isPromisedElsewhere(who: string, forecast: Forecast): Promise<boolean> {
    const store = await this.#store()
    if (!store) return false
    try {
      const kept = await store.get(keyOf(who))
      if (!kept || Number(kept.value) > this.#clock.now()) return false
      const isHis = await store.forget(keyOf(who), { ifVersion: kept.version })
      if (isHis) forecast.forget(who)
      return isHis
    } catch {
      return false
    }
  }

  #tellOthers(who: string, retryInMs: number): void {
    const atMs = this.#clock.now() + retryInMs
    const set = async (store: Store | undefined): Promise<unknown> =>
      store?.set(keyOf(who), String(Math.floor(atMs)), { ttlMs: Math.ceil(retryInMs) + FORECAST.lateMs, ifVersion: 0 })
    this.#store()
      .then(set)
      .catch(() => {})
  }

  async #store(): Promise<Store | undefined> {
    if (this.#app.settings.store === undefined) return undefined
    return this.#app.store('A promise to who was sent away').catch(() => undefined)
  }
}

/** The queue that a route sends to, as far as it can be told in advance. */
function queueOf(app: Pick<App, 'settings' | 'registry'>, task: string, send: object = {}): string | undefined {
  try {
    const options = { ...app.registry.get(task)?.options, ...send }
    const { queue, exchange, routingKey } = options as Record<string, never>
    return resolveRoute(app.settings, { task, args: [], kwargs: {}, options: { queue, exchange, routingKey } }).queue
  } catch {
    return undefined
  }
}

/** By what one is known who comes again: he sends the same. */
function whoOf({ method, url, headers, raw, request }: RouteRequest): string {
  const { authorization, cookie } = headers
  const parts = [method, url, authorization, cookie, headers['idempotency-key'], request.socket?.remoteAddress]
  return createHash('sha256').update(JSON.stringify(parts)).update(raw).digest('hex')
}

function keyOf(who: string): string {
  return `gateway:slot:${who}`
}
