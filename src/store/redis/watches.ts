import type { Clock } from '../../base/clock.ts'
import { type Due, DueHeap } from '../../base/due-heap.ts'
import { type Hearing, Subscriptions } from '../../base/redis/subscriptions.ts'
import type { Watchable } from '../operations.ts'

/** The server's calendar clock may jump, and who was told may not have come: it is looked at so often at least. */
const LOOK_AGAIN_MS = 60_000

/** After a look that failed. */
const FAILED_MS = 1000

interface Watch {
  readonly what: Watchable
  readonly key: string
  readonly watchers: Set<() => void>
  /** When something of a due list can be taken, as far as is known here. */
  due: Due | undefined
  dueAtMs: number
}

/**
 * Who watches what. The server has no timers: a message of its bell says in how many ms something of a due list can be
 * taken, and whoever watches waits for that himself.
 */
export class Watches {
  readonly #clock: Clock
  readonly #prefix: string
  readonly #peek: (key: string) => Promise<number>
  readonly #dues: DueHeap
  readonly #subscriptions: Subscriptions
  /** By channel. */
  readonly #watches = new Map<string, Watch>()

  /** `prefix` is that of the channels; `peek` asks in how many ms something can be taken, -1: nothing waits. */
  constructor(clock: Clock, prefix: string, peek: (key: string) => Promise<number>) {
    this.#clock = clock
    this.#prefix = prefix
    this.#peek = peek
    this.#dues = new DueHeap(clock, { unref: true })
    this.#subscriptions = new Subscriptions(clock, 'store')
  }

  /** Resolves with what ends it when nothing can be missed any more. */
  async add(hearing: Hearing, what: Watchable, key: string, watcher: () => void): Promise<() => void> {
    const channel = `${this.#prefix}bell:${what}:${key}`
    const watch = this.#watches.get(channel) ?? { what, key, watchers: new Set(), due: undefined, dueAtMs: Infinity }
    this.#watches.set(channel, watch)
    watch.watchers.add(watcher)
    const end = (): void => {
      if (!watch.watchers.delete(watcher) || watch.watchers.size > 0) return
      watch.due?.cancel()
      this.#watches.delete(channel)
      this.#subscriptions.remove(channel)
    }
    try {
      await this.#subscriptions.add(channel, hearing)
      // Read after the subscription: what was put before it is there, what comes after it is heard.
      if (what === 'due') await this.#look(watch)
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  /** A message of the bell. */
  hear(channel: string, text: string): void {
    const watch = this.#watches.get(channel)
    if (watch?.what === 'log') tell(watch)
    else if (watch) this.#canTake(watch, Number(text))
  }

  /** Whoever has taken from a due list was told in how many ms the next can be taken. */
  known(key: string, inMs: number | null): void {
    const watch = this.#watches.get(`${this.#prefix}bell:due:${key}`)
    if (watch && inMs !== null && inMs > 0) this.#await(watch, inMs)
  }

  /** Hears the same over a new connection. */
  async attach(hearing: Hearing): Promise<void> {
    await this.#subscriptions.attach(hearing)
  }

  detach(): void {
    this.#subscriptions.detach()
  }

  /** While nobody listened anything may have come. */
  tellAll(): void {
    for (const watch of this.#watches.values()) {
      tell(watch)
      if (watch.what === 'due') this.#lookSoon(watch)
    }
  }

  clear(): void {
    for (const { due } of this.#watches.values()) due?.cancel()
    this.#watches.clear()
    this.#subscriptions.clear()
  }

  async #look(watch: Watch): Promise<void> {
    this.#canTake(watch, await this.#peek(watch.key))
  }

  #lookSoon(watch: Watch): void {
    this.#look(watch).catch(() => this.#await(watch, FAILED_MS))
  }

  /** Something can be taken in so many ms; -1: nothing waits. */
  #canTake(watch: Watch, inMs: number): void {
    if (inMs > 0) this.#await(watch, inMs)
    if (inMs !== 0 || watch.watchers.size === 0) return
    tell(watch)
    this.#await(watch, LOOK_AGAIN_MS)
  }

  /** Looks at the earliest time that was heard of: an answer may come later than the bell that outdates it. */
  #await(watch: Watch, inMs: number): void {
    const waitMs = Math.min(inMs, LOOK_AGAIN_MS)
    const atMs = this.#clock.monotonic() + waitMs
    if (watch.watchers.size === 0 || atMs >= watch.dueAtMs) return
    watch.due?.cancel()
    watch.dueAtMs = atMs
    watch.due = this.#dues.add(waitMs, () => {
      watch.dueAtMs = Infinity
      this.#lookSoon(watch)
    })
  }
}

function tell({ watchers }: Watch): void {
  for (const watcher of watchers) watcher()
}
