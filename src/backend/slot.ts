import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { Expectation } from './backend.ts'

/** Of outcomes that are not final. */
export type Listener = (outcome: Outcome) => void

/** Where the outcome of one id is waited for, or kept. */
export interface Slot {
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
  /** Called once, with the first outcome of whatever kind. */
  onFirst: (() => void) | undefined
  /** Made when somebody asks for it: most results of a busy sender are never waited for. */
  done: Deferred | undefined
  failure: Error | undefined
}

interface Deferred {
  readonly promise: Promise<Outcome>
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: Error) => void
}

/** One hold on a slot. A class, because one is made for each message: an object of closures costs four times as much. */
export class Held implements Expectation {
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

  onFirst(listener: () => void): void {
    this.#slot.onFirst = listener
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

/** Gives it up: who waits hears why. */
export function fail(slot: Slot, error: Error): void {
  slot.failure = error
  slot.listeners = undefined
  slot.onFirst = undefined
  if (!slot.done) return
  // Whoever awaits it hears of a failure; one that nobody awaits any more is no unhandled rejection.
  slot.done.promise.catch(() => {})
  slot.done.reject(error)
}

/** Calls a listener, which may throw. */
export function tell(listener: Listener, outcome: Outcome): void {
  try {
    listener(outcome)
  } catch (error) {
    log('error', 'backend', 'listener of updates threw', { id: outcome.id, error: messageOf(error) })
  }
}
