import type { App } from '../app/app.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { type Due, DueHeap } from '../base/due-heap.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'

/** What abandoning needs. */
export interface AbandoningOptions {
  readonly clock: Clock
  /** Most tasks that are about to be abandoned at a time; the oldest goes at once. */
  readonly max: number
  /** Tells all workers that nobody waits for these; `untilMs` (epoch ms) is how long they need to remember it. */
  readonly tell: (ids: readonly string[], untilMs: number | undefined) => Promise<unknown>
}

interface Leaving {
  readonly due: Due
  /** Asked at the end of the grace: nobody else waits for it. */
  readonly isAlone: (() => Promise<boolean>) | undefined
  readonly untilMs: number | undefined
}

/** How long ids are gathered: clients that hang up do so in crowds, and each word goes to every worker. */
const GATHER_MS = 50

/** Most ids in one word to the workers. */
const MOST_IDS = 1_000

/**
 * Has tasks end that nobody waits for any more, once nobody has for a while: a client that lost its connection may be back
 * in a moment.
 */
export class Abandoning {
  readonly #options: AbandoningOptions
  readonly #dues: DueHeap
  readonly #leaving = new Map<string, Leaving>()
  #gathered = new Map<string, number | undefined>()
  #timer: Timer | undefined
  /** Of which is being asked whether anybody waits for them. */
  readonly #asked = new Set<Promise<void>>()

  constructor(options: AbandoningOptions) {
    this.#options = options
    this.#dues = new DueHeap(options.clock, { unref: true })
  }

  /** Tasks that are about to be abandoned. */
  get size(): number {
    return this.#leaving.size + this.#gathered.size
  }

  /**
   * Nobody waits for a task: it is abandoned after `graceMs`, unless it is wanted again by then, or `isAlone` says that
   * others wait for it.
   */
  leave(id: string, graceMs: number, untilMs: number | undefined, isAlone?: () => Promise<boolean>): void {
    this.want(id)
    if (this.#leaving.size >= this.#options.max) {
      for (const oldest of this.#leaving.keys()) {
        this.#go(oldest)
        break
      }
    }
    const due = this.#dues.add(graceMs, () => this.#go(id))
    this.#leaving.set(id, { due, untilMs, isAlone })
  }

  /** Somebody waits for it again. */
  want(id: string): void {
    this.#leaving.get(id)?.due.cancel()
    this.#leaving.delete(id)
    this.#gathered.delete(id)
  }

  /** Nobody comes back any more: what is about to be abandoned is so now. Resolves when the workers were told. */
  async close(): Promise<void> {
    for (const id of [...this.#leaving.keys()]) this.#go(id)
    await Promise.all(this.#asked)
    await this.#send()
  }

  #go(id: string): void {
    const leaving = this.#leaving.get(id)
    leaving?.due.cancel()
    this.#leaving.delete(id)
    if (!leaving?.isAlone) return this.#gather(id, leaving?.untilMs)
    const asking = leaving.isAlone().then((isAlone) => {
      this.#asked.delete(asking)
      if (isAlone) this.#gather(id, leaving.untilMs)
    })
    this.#asked.add(asking)
  }

  #gather(id: string, untilMs: number | undefined): void {
    this.#gathered.set(id, untilMs)
    this.#timer ??= this.#options.clock.after(GATHER_MS, () => void this.#send(), { unref: true })
  }

  /** Never rejects: a task that runs to its end for nobody is a pity, and no more. */
  async #send(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const all = [...this.#gathered]
    this.#gathered = new Map()
    for (let at = 0; at < all.length; at += MOST_IDS) {
      const some = all.slice(at, at + MOST_IDS)
      const ids = some.map(([id]) => id)
      const lasts = some.map(([, untilMs]) => untilMs ?? Infinity)
      const untilMs = Math.max(...lasts)
      try {
        await this.#options.tell(ids, untilMs === Infinity ? undefined : untilMs)
      } catch (error) {
        log('warn', 'gateway', 'tasks could not be abandoned', { count: ids.length, error: messageOf(error) })
      }
    }
  }
}

/** That of an application: by remote control. */
export function abandoningOf({ settings, control }: Pick<App, 'settings' | 'control'>, clock: Clock): Abandoning {
  const tell: AbandoningOptions['tell'] = (ids, untilMs) => control.abandon(ids, { untilMs })
  return new Abandoning({ clock, max: settings.maxPendingResults, tell })
}
