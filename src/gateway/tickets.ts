import type { App } from '../app/app.ts'
import type { Clock } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Store } from '../store/store.ts'

/** What is remembered of a task whose id a client was told. */
export interface Ticket {
  readonly task: string
  readonly acceptedAtMs: number
  /** Which gateway told it: a name that no other has, nor the same one after a restart. */
  readonly gateway: string
}

/** What {@link Tickets} stand on. */
export interface TicketOptions {
  /** Most that are held in memory. */
  readonly most: number
  /** How long one is valid, in milliseconds. */
  readonly ttlMs: number
  readonly clock: Clock
  /** Where all gateways find them; undefined: each knows only its own. */
  readonly store: (() => Promise<Store>) | undefined
}

/** How tickets are written. */
const VERSION = 1

/** The tasks whose ids were given out: they exist, even while nothing else is known of them. */
export class Tickets {
  /** Name of this gateway. */
  readonly gateway: string
  readonly #options: TicketOptions
  readonly #held = new Map<string, Ticket>()

  constructor(options: TicketOptions) {
    this.#options = options
    this.gateway = options.clock.uuid()
  }

  /**
   * A client is about to be told of `id`. Resolves when every gateway can know; never rejects: the task is on its way, and
   * where the store does not take the ticket this gateway alone knows of it, which is logged.
   */
  async give(id: string, task: string): Promise<void> {
    const { clock, most, ttlMs, store } = this.#options
    const ticket: Ticket = { task, acceptedAtMs: clock.now(), gateway: this.gateway }
    if (this.#held.size >= most) {
      const [oldest] = this.#held.keys()
      if (oldest !== undefined) this.#held.delete(oldest)
    }
    this.#held.set(id, ticket)
    if (!store) return
    try {
      await (await store()).set(keyOf(id), JSON.stringify({ v: VERSION, ...ticket }), { ttlMs })
    } catch (error) {
      log('warn', 'gateway', 'ticket was not stored; other gateways do not know of this task', {
        task,
        id,
        error: messageOf(error),
      })
    }
  }

  /**
   * The ticket of `id`; undefined: none was given, or it has ended.
   * @throws LovageError what the store throws
   */
  async get(id: string): Promise<Ticket | undefined> {
    const { clock, ttlMs, store } = this.#options
    const held = this.#held.get(id)
    if (held) {
      if (clock.now() - held.acceptedAtMs < ttlMs) return held
      this.#held.delete(id)
      return undefined
    }
    if (!store) return undefined
    try {
      const kept = await (await store()).get(keyOf(id))
      return kept && readTicket(kept.value)
    } catch (error) {
      // What cannot be a key was no id of ours.
      if (isLovageError(error, 'OPTION_INVALID')) return undefined
      throw error
    }
  }
}

/** Tickets of an application: in its store where it has one, in memory in any case. */
export function ticketsOf(app: Pick<App, 'settings' | 'store'>, clock: Clock): Tickets {
  const { maxPendingResults: most, resultExpiresMs: ttlMs, store } = app.settings
  return new Tickets({ most, ttlMs, clock, store: store === undefined ? undefined : () => app.store('A ticket') })
}

function keyOf(id: string): string {
  return `ticket:${id}`
}

function readTicket(value: string | Uint8Array): Ticket | undefined {
  const { v, task, acceptedAtMs, gateway } = JSON.parse(String(value)) as Ticket & { v: number }
  return v === VERSION ? { task, acceptedAtMs, gateway } : undefined
}
