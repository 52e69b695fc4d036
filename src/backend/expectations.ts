import type { Clock, Timer } from '../base/clock.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { Oldest } from '../base/oldest.ts'
import { Ring } from '../base/ring.ts'
import { isReady, type Outcome } from '../protocol/outcome.ts'
import type { Expectation } from './backend.ts'

type Listener = (outcome: Outcome) => void

interface Slot {
  readonly id: string
  latest: Outcome | undefined
  isSettled: boolean
  isHanded: boolean
  /** When it was opened, or settled; monotonic. */
  sinceMs: number
  /** Size of what it keeps. */
  bytes: number
  /** Expectations that are open on it. */
  holders: number
  listeners: Set<Listener> | undefined
  /** Made when somebody asks for it: most results of a busy sender are never waited for. */
  done: Deferred | undefined
  failure: Error | undefined
}

interface Deferred {
  readonly promise: Promise<Outcome>
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: Error) => void
}

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
    if (!slot) return
    this.#waiting.delete(slot.id)
    this.#onEnd?.(slot.id)
    fail(slot, new LovageError('RESULT_FORGOTTEN', { id: slot.id, problem }))
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

/** One hold on a slot. A class, because one is made for each message: an object of closures costs four times as much. */
class Held implements Expectation {
  readonly #slot: Slot
  readonly #drop: (slot: Slot) => void
  readonly #hand: (slot: Slot) => void
  #isOpen = true

  constructor(slot: Slot, drop: (slot: Slot) => void, hand: (slot: Slot) => void) {
    this.#slot = slot
    this.#drop = drop
    this.#hand = hand
  }

  get done(): Promise<Outcome> {
    return doneOf(this.#slot)
  }

  get latest(): Outcome | undefined {
    return this.#slot.latest
  }

  onUpdate(listener: Listener): () => void {
    const slot = this.#slot
    slot.listeners ??= new Set()
    slot.listeners.add(listener)
    return () => void slot.listeners?.delete(listener)
  }

  handed(): void {
    this.#hand(this.#slot)
  }

  close(): void {
    if (this.#isOpen && --this.#slot.holders === 0) this.#drop(this.#slot)
    this.#isOpen = false
  }
}

function doneOf(slot: Slot): Promise<Outcome> {
  if (slot.isSettled) return Promise.resolve(slot.latest as Outcome)
  if (slot.failure) return Promise.reject(slot.failure)
  if (!slot.done) {
    let resolve!: Deferred['resolve']
    let reject!: Deferred['reject']
    const promise = new Promise<Outcome>((onDone, onFailed) => {
      resolve = onDone
      reject = onFailed
    })
    slot.done = { promise, resolve, reject }
  }
  return slot.done.promise
}

function fail(slot: Slot, error: Error): void {
  slot.failure = error
  slot.listeners = undefined
  if (!slot.done) return
  // Whoever awaits it hears of a failure; one that nobody awaits any more is no unhandled rejection.
  slot.done.promise.catch(() => {})
  slot.done.reject(error)
}

function tell(listener: Listener, outcome: Outcome): void {
  try {
    listener(outcome)
  } catch (error) {
    log('error', 'backend', 'listener of updates threw', { id: outcome.id, error: messageOf(error) })
  }
}
