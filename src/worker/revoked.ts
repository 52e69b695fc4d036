import type { Clock } from '../base/clock.ts'
import { Oldest } from '../base/oldest.ts'

/** Celery's bounds: so many ids, and so long where it is not known when the task expires. */
export const MAX_REVOKED = 50_000
const REVOKED_MS = 10_800_000

interface Entry {
  readonly id: string
  /** Epoch ms. */
  readonly untilMs: number
}

/** Ids of tasks that nobody here is to run, whenever they come. */
export class Revoked {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  readonly #oldest = new Oldest<string, Entry>(this.#entries, ({ id }) => id)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Remembers an id until the task expires, where that is known (epoch ms), else for three hours. */
  add(id: string, expiresAtMs = Infinity): void {
    const nowMs = this.#clock.now()
    const untilMs = expiresAtMs === Infinity ? nowMs + REVOKED_MS : expiresAtMs
    this.#entries.delete(id)
    const entry = { id, untilMs }
    this.#entries.set(id, entry)
    this.#oldest.add(entry)
    for (let first = this.#oldest.value; first; first = this.#oldest.value) {
      if (this.#entries.size <= MAX_REVOKED && first.untilMs > nowMs) return
      this.#entries.delete(first.id)
    }
  }

  has(id: string): boolean {
    if (this.#entries.size === 0) return false
    const entry = this.#entries.get(id)
    if (!entry) return false
    if (entry.untilMs > this.#clock.now()) return true
    this.#entries.delete(id)
    return false
  }

  /** How long ago each was revoked, in milliseconds, as far as is known. */
  ages(): (readonly [id: string, ageMs: number])[] {
    const nowMs = this.#clock.now()
    return this.ids().map((id) => {
      const untilMs = this.#entries.get(id)?.untilMs ?? nowMs
      return [id, Math.max(0, REVOKED_MS - (untilMs - nowMs))]
    })
  }

  /** All that are remembered, the latest last. */
  ids(): string[] {
    const nowMs = this.#clock.now()
    return [...this.#entries.values()].flatMap(({ id, untilMs }) => (untilMs > nowMs ? [id] : []))
  }
}
