import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

/** A timer that can be taken back. */
export interface Timer {
  cancel(): void
}

/**
 * The only source of time, timers and randomness. Everything that waits, stamps or draws takes one, so that a
 * simulator can run the same code on virtual time.
 */
export interface Clock {
  /** Milliseconds since 1970, UTC. May jump. */
  now(): number
  /** Milliseconds from some fixed point, with fractions. Never jumps. */
  monotonic(): number
  /** Calls `fn` once, `ms` from now. With `unref` the wait alone does not keep the process alive. */
  after(ms: number, fn: () => void, options?: { unref?: boolean }): Timer
  /** Calls `fn` at the end of this turn of the event loop. */
  turn(fn: () => void): void
  /** A number from 0 (included) to 1 (excluded). */
  random(): number
  /** A random UUID, as Celery makes its task ids. */
  uuid(): string
}

/** Longest wait that one Node timer can hold; longer ones are chained. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn, options) {
    let handle: NodeJS.Timeout
    const arm = (left: number): void => {
      const step = Math.min(Math.max(left, 0), LONGEST_TIMER_MS)
      handle = setTimeout(() => (left > step ? arm(left - step) : fn()), step)
      if (options?.unref) handle.unref()
    }
    arm(ms)
    return { cancel: () => clearTimeout(handle) }
  },
  turn: (fn) => void setImmediate(fn),
  random: () => Math.random(),
  uuid: () => randomUUID(),
}

/** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (clock === systemClock && ms <= LONGEST_TIMER_MS) {
    return delay(ms, undefined, { signal }).catch((error: unknown) => {
      throw signal?.aborted ? signal.reason : error
    })
  }
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/**
 * Waits for `promise` at most `ms`, then rejects with what `onTimeout` makes. The promise itself goes on; what it comes
 * to later is dropped.
 */
export function deadline<T>(clock: Clock, promise: Promise<T>, ms: number, onTimeout: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(ms, () => reject(onTimeout()))
    promise.then(
      (value) => {
        timer.cancel()
        resolve(value)
      },
      (error: unknown) => {
        timer.cancel()
        reject(error as Error)
      },
    )
  })
}
