import type { Clock, Timer } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { Oldest } from '../base/oldest.ts'
import { Ring } from '../base/ring.ts'
import { isReady, type Outcome } from '../protocol/outcome.ts'
import type { Expectation } from './backend.ts'
import { fail, Held, type Slot, tell } from './slot.ts'

/** How {@link Expectations} behave. */
export interface ExpectationsOptions {
  readonly clock: Clock
  /** Most slots; the oldest settled one goes first, then the oldest of all. */
  readonly max: number
  /** Slots that are settled stay for whoever asks later. False where results are stored elsewhere. */
  readonly keepsSettled: boolean
  /** Slots go after so long, counted from when they were opened or settled. */
  readonly maxAgeMs: number
  /** Nobody waits for this id any more: it was settled, or given up. */
  readonly onEnd?: (id: string) => void
}

/** What is kept for late callers is kept by count and by size: a hundred thousand results may be large ones. */
const MAX_KEPT_BYTES = 64 * 2 ** 20

/**
 * Of outcomes that whoever asked has got so many are kept: a busy gateway must not fill its memory with old answers, and
 * what is let go soon costs the garbage collector next to nothing.
 */
const MAX_HANDED = 100

/** The outcomes that are waited for in this process, by task id. The first final one of an id counts. */
export class Expectations {
  readonly #max: number
  readonly #keepsSettled: boolean
  readonly #waiting = new Map<string, Slot>()
  readonly #settled = new Map<string, Slot>()
  readonly #clock: Clock
  readonly #maxAgeMs: number
  readonly #onEnd: ((id: string) => void) | undefined
  #keptBytes = 0
  #timer: Timer | undefined
  /** Settled, and whoever asked has got it; some may be forgotten since. */
  readonly #handed = new Ring<Slot>()
  readonly #oldestWaiting = new Oldest(this.#waiting, ({ id }) => id)
  readonly #oldestSettled = new Oldest(this.#settled, ({ id }) => id)
  /** Nobody holds the slot any more. */
  readonly #drop = (slot: Slot): void => {
    if (this.#settled.get(slot.id) === slot) this.#unkeep(slot)
    if (this.#waiting.get(slot.id) === slot) this.#giveUp(slot, 'it is no longer wanted')
  }

  readonly #hand = (slot: Slot): void => {
    if (this.#settled.get(slot.id) !== slot || slot.isHanded) return
    slot.isHanded = true
    this.#handed.push(slot)
    if (this.#handed.size > MAX_HANDED) this.#unkeep(this.#handed.shift())
  }

  constructor({ clock, max, keepsSettled, maxAgeMs, onEnd }: ExpectationsOptions) {
    this.#onEnd = onEnd
    this.#clock = clock
    this.#max = max
    this.#keepsSettled = keepsSettled
    this.#maxAgeMs = maxAgeMs
  }

  get size(): number {
    return this.#waiting.size + this.#settled.size
  }

  /** How many have no final outcome yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Whether an outcome of this id would be of use. */
  has(id: string): boolean {
    return this.#waiting.has(id)
  }

  /** Opens the slot of `id`, or joins it. */
  open(id: string): Expectation {
    const slot = this.#settled.get(id) ?? this.#waiting.get(id) ?? this.#make(id)
    slot.holders++
    return new Held(slot, this.#drop, this.#hand)
  }

  /**
   * Takes an outcome of `bytes` in: final ones settle the slot, others are told to its listeners. False when nobody has a
   * slot.
   */
  take(outcome: Outcome, bytes = 0): boolean {
    const slot = this.#waiting.get(outcome.id)
    if (!slot) return this.#settled.has(outcome.id)
    slot.latest = outcome
    slot.onFirst?.()
    slot.onFirst = undefined
    if (!isReady(outcome.state)) {
      for (const listener of slot.listeners ?? []) tell(listener, outcome)
      return true
    }
    slot.isSettled = true
    slot.listeners = undefined
    this.#waiting.delete(slot.id)
    this.#onEnd?.(slot.id)
    if (this.#keepsSettled) this.#keep(slot, bytes)
    slot.done?.resolve(outcome)
    // A slot that is kept for late callers is kept without what only waiting needs.
    slot.done = undefined
    return true
  }

  /** The newest outcome of `id` seen here. */
  latest(id: string): Outcome | undefined {
    return (this.#settled.get(id) ?? this.#waiting.get(id))?.latest
  }

  /** Drops a settled outcome; who waits goes on waiting. */
  forget(id: string): void {
    this.#unkeep(this.#settled.get(id))
    const slot = this.#waiting.get(id)
    if (slot) slot.latest = undefined
  }

  /** Gives up the slot of `id`, if it is waited for: who waits gets `error`. */
  fail(id: string, error: Error): void {
    const slot = this.#waiting.get(id)
    if (slot) this.#end(slot, error)
  }

  /** Gives up all slots: who waits gets `error`. */
  clear(error: Error): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    this.#settled.clear()
    this.#keptBytes = 0
    while (this.#handed.shift());
    this.#timer?.cancel()
    this.#timer = undefined
    for (const slot of waiting) fail(slot, error)
  }

  #make(id: string): Slot {
    if (this.size >= this.#max) this.#evict()
    const slot: Slot = {
      id,
      latest: undefined,
      isSettled: false,
      isHanded: false,
      sinceMs: this.#clock.monotonic(),
      bytes: 0,
      holders: 0,
      listeners: undefined,
      onFirst: undefined,
      done: undefined,
      failure: undefined,
    }
    this.#waiting.set(id, slot)
    this.#oldestWaiting.add(slot)
    this.#timer ??= this.#arm()
    return slot
  }

  #keep(slot: Slot, bytes: number): void {
    slot.sinceMs = this.#clock.monotonic()
    slot.bytes = bytes
    this.#keptBytes += bytes
    this.#settled.set(slot.id, slot)
    this.#oldestSettled.add(slot)
    while (this.#keptBytes > MAX_KEPT_BYTES) this.#unkeep(this.#oldestSettled.value)
  }

  #unkeep(slot: Slot | undefined): void {
    if (!slot || this.#settled.get(slot.id) !== slot) return
    this.#settled.delete(slot.id)
    this.#keptBytes -= slot.bytes
  }

  #evict(): void {
    if (this.#settled.size > 0) return this.#unkeep(this.#oldestSettled.value)
    this.#giveUp(this.#oldestWaiting.value, `more than ${this.#max} results are waited for`)
  }

  #giveUp(slot: Slot | undefined, problem: string): void {
    if (slot) this.#end(slot, new LovageError('RESULT_FORGOTTEN', { id: slot.id, problem }))
  }

  #end(slot: Slot, error: Error): void {
    this.#waiting.delete(slot.id)
    this.#onEnd?.(slot.id)
    fail(slot, error)
  }

  /** Both maps are in order of age, as the age limit is one for all: their first tells when the next must go. */
  #arm(): Timer | undefined {
    const oldest = Math.min(
      this.#oldestWaiting.value?.sinceMs ?? Infinity,
      this.#oldestSettled.value?.sinceMs ?? Infinity,
    )
    if (oldest === Infinity) return undefined
    const inMs = Math.max(1, Math.ceil(oldest + this.#maxAgeMs - this.#clock.monotonic()))
    return this.#clock.after(inMs, () => this.#sweep(), { unref: true })
  }

  #sweep(): void {
    const before = this.#clock.monotonic() - this.#maxAgeMs
    const settled = this.#oldestSettled
    for (let slot = settled.value; slot && slot.sinceMs <= before; slot = settled.value) this.#unkeep(slot)
    const waiting = this.#oldestWaiting
    for (let slot = waiting.value; slot && slot.sinceMs <= before; slot = waiting.value) {
      this.#giveUp(slot, `none came within ${this.#maxAgeMs} ms`)
    }
    this.#timer = this.#arm()
  }
}
