import * as openClient from '../app/open-client.ts'
import { keepOpeners } from '../app/openers.ts'
import { systemClock, type Clock, type Timer } from '../base/clock.ts'
import { seededRandom, uuidFrom } from './seeded.ts'

// Loading modules takes real time, in which virtual time would stand still.
keepOpeners(openClient)

export interface VirtualClockOptions {
  /** What `now()` says first, in milliseconds since 1970. Default: 1 January 2026, UTC. */
  startMs?: number
  /** What `random()` and `uuid()` are drawn from: the same seed draws the same. Default 1. */
  seed?: number
}

interface Waiting {
  atMs: number
  fn: () => void
}

/**
 * Time that passes only when told. Timers run in the order in which they are due, and those due at the same time in the
 * order in which they were set; randomness comes from a seed. What runs on it runs the same every time.
 */
export class VirtualClock implements Clock {
  #monotonicMs = 0
  #epochMs: number
  readonly #draw: () => number
  /** Sorted, the next one last. */
  #timers: Waiting[] = []
  #turns: (() => void)[] = []
  #turnComes = false

  constructor({ startMs = Date.UTC(2026, 0, 1), seed = 1 }: VirtualClockOptions = {}) {
    this.#epochMs = startMs
    this.#draw = seededRandom(seed)
  }

  now(): number {
    return this.#epochMs + this.#monotonicMs
  }

  monotonic(): number {
    return this.#monotonicMs
  }

  /** As Node's timers, it waits 1 ms at least, so that nothing waits in circles at one point of time. */
  after(ms: number, fn: () => void): Timer {
    const timer: Waiting = { atMs: this.#monotonicMs + Math.max(1, ms), fn }
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#timers[middle] as Waiting).atMs > timer.atMs) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer)
        if (index >= 0) this.#timers.splice(index, 1)
      },
    }
  }

  /** Runs by itself at the end of the real turn of the event loop, or at the next {@link advance}, if that is sooner. */
  turn(fn: () => void): void {
    this.#turns.push(fn)
    this.#awaitTurn()
  }

  random(): number {
    return this.#draw()
  }

  /** Of the right form, version 4, and the same every time for the same seed. */
  uuid(): string {
    return uuidFrom(this.#draw)
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.length
  }

  /** Milliseconds until the next timer is due; undefined when none waits. */
  get nextInMs(): number | undefined {
    const next = this.#timers.at(-1)
    return next && next.atMs - this.#monotonicMs
  }

  /**
   * Lets `ms` pass at once and runs what falls due, each timer at its own time. Promises do not get on meanwhile; use
   * {@link play} where timers and promises take turns.
   */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms
    this.#runTurns()
    while (this.#runNext(endMs)) this.#runTurns()
    this.#monotonicMs = endMs
  }

  /** As {@link advance}, and lets everything that waits for promises get on before, between and after the timers. */
  async play(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms
    await settled()
    while (this.#runNext(endMs)) await settled()
    this.#monotonicMs = endMs
    await settled()
  }

  /** Sets the calendar clock forward or back, as an administrator does. Waits are not touched by it. */
  jump(ms: number): void {
    this.#epochMs += ms
  }

  #runNext(endMs: number): boolean {
    const next = this.#timers.at(-1)
    if (!next || next.atMs > endMs) return false
    this.#timers.pop()
    this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs)
    next.fn()
    return true
  }

  /** Runs what waits now; what that adds waits for the next turn. */
  #runTurns(): void {
    try {
      for (let left = this.#turns.length; left > 0; left--) this.#turns.shift()?.()
    } finally {
      if (this.#turns.length > 0) this.#awaitTurn()
    }
  }

  #awaitTurn(): void {
    if (this.#turnComes) return
    this.#turnComes = true
    systemClock.turn(() => {
      this.#turnComes = false
      this.#runTurns()
    })
  }
}

/** Two turns of the event loop: the second lets what was moved to the end of the first get on. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 2; turns++) await new Promise<void>((resolve) => systemClock.turn(resolve))
}
