import { randomFillSync } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timersPromises from 'node:timers/promises'
import { onAbort } from './on-abort.ts'
import { uuidsFrom } from './uuids.ts'

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
  uuid: uuidsFrom((bytes) => void randomFillSync(bytes)),
}

/** Seconds since this machine was started, with fractions: what Python calls its monotonic clock. */
export function sinceBootS(): number {
  return Number(process.hrtime.bigint()) / 1e9
}

/** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const timer = clock.after(ms, () => {
      forget?.()
      resolve()
    })
    const forget =
      signal &&
      onAbort(signal, () => {
        timer.cancel()
        reject(signal.reason as Error)
      })
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

/** What `setTimeout` of a borrowed clock returns, with the members of Node's. */
class LentTimer {
  readonly #begin: () => Timer
  #timer: Timer

  constructor(begin: (again: () => void) => Timer, isRepeated: boolean) {
    const again = (): void => {
      if (isRepeated) this.#timer = begin(again)
    }
    this.#begin = () => begin(again)
    this.#timer = begin(again)
  }

  close(): void {
    this.#timer.cancel()
  }

  refresh(): this {
    this.#timer.cancel()
    this.#timer = this.#begin()
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return true
  }
}

type Callback = (...args: unknown[]) => void

/**
 * For simulators: until the returned function is called, code for which `find` gives a clock has the time, the timers and
 * the randomness of that clock in the places of JavaScript's own and of `node:timers/promises`.
 */
export function lendTime(find: () => Clock | undefined): () => void {
  const own = {
    Date,
    setTimeout,
    setInterval,
    setImmediate,
    clearTimeout,
    clearInterval,
    clearImmediate,
  }
  const { random } = Math
  const now = performance.now.bind(performance)
  const promised = { setTimeout: timersPromises.setTimeout, setImmediate: timersPromises.setImmediate }

  const timer =
    (kind: 'setTimeout' | 'setInterval') =>
    (fn: Callback, ms = 0, ...args: unknown[]): unknown => {
      const clock = find()
      if (!clock) return own[kind](fn, ms, ...args)
      const begin = (again: () => void): Timer =>
        clock.after(ms, () => {
          again()
          fn(...args)
        })
      return new LentTimer(begin, kind === 'setInterval')
    }
  const clear =
    (kind: 'clearTimeout' | 'clearInterval' | 'clearImmediate') =>
    (handle: unknown): void =>
      handle instanceof LentTimer ? handle.close() : own[kind](handle as never)
  const immediate = (fn: Callback, ...args: unknown[]): unknown => {
    const clock = find()
    if (!clock) return own.setImmediate(fn, ...args)
    let isWanted = true
    clock.turn(() => isWanted && fn(...args))
    return new LentTimer(() => ({ cancel: () => (isWanted = false) }), false)
  }
  const lent = {
    Date: new Proxy(Date, {
      construct(target, args, newTarget) {
        const clock = args.length === 0 ? find() : undefined
        return Reflect.construct(target, clock ? [clock.now()] : args, newTarget) as Date
      },
      get: (target, name) => (name === 'now' ? () => find()?.now() ?? target.now() : Reflect.get(target, name)),
    }),
    setTimeout: timer('setTimeout'),
    setInterval: timer('setInterval'),
    setImmediate: immediate,
    clearTimeout: clear('clearTimeout'),
    clearInterval: clear('clearInterval'),
    clearImmediate: clear('clearImmediate'),
  }
  const promises = {
    setTimeout: async <T>(ms = 0, value?: T, options?: { signal?: AbortSignal }): Promise<T> => {
      const clock = find()
      if (!clock) return promised.setTimeout(ms, value, options) as Promise<T>
      await sleep(clock, ms, options?.signal)
      return value as T
    },
    setImmediate: async <T>(value?: T, options?: object): Promise<T> => {
      const clock = find()
      if (clock) await new Promise<void>((resolve) => clock.turn(resolve))
      return clock ? (value as T) : (promised.setImmediate(value, options) as Promise<T>)
    },
  }
  Object.assign(globalThis, lent)
  Object.assign(timersPromises, promises)
  syncBuiltinESMExports()
  Math.random = () => find()?.random() ?? random()
  performance.now = () => find()?.monotonic() ?? now()
  return () => {
    Object.assign(globalThis, own)
    Object.assign(timersPromises, promised)
    syncBuiltinESMExports()
    Math.random = random
    performance.now = now
  }
}
