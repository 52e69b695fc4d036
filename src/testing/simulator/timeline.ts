import { systemClock, type Clock, type Timer } from '../../base/clock.ts'
import { seededRandom, uuidFrom } from '../seeded.ts'

/** How a drive along the timeline ended: what was waited for has come, its time is up, or nothing is left to happen. */
export type DriveEnd = 'done' | 'late' | 'idle'

interface Event {
  readonly atMs: number
  readonly order: number
  /** Undefined once it was taken back. */
  fn: (() => void) | undefined
}

/** Steps laid into one turn of the real event loop; Node lets promises get on after each. */
const STEPS_A_TURN = 64

/** Turns of the real event loop in which nothing was left to happen, before that is believed. */
const IDLE_TURNS = 8

const START_MS = Date.UTC(2026, 0, 1)

/**
 * The one time of a simulated world: what is to happen, in order. One thing happens a step, then all that waits for promises
 * gets on, then comes the next step; so what happens depends on nothing but the seed.
 */
export class Timeline implements Clock {
  readonly random: () => number
  #nowMs = 0
  #steps = 0
  #order = 0
  /** A binary heap, the next one first. */
  readonly #events: Event[] = []
  #turns: (() => void)[] = []

  constructor(seed: number) {
    this.random = seededRandom(seed)
  }

  /** Things that have happened so far. */
  get steps(): number {
    return this.#steps
  }

  now(): number {
    return Math.floor(START_MS + this.#nowMs)
  }

  monotonic(): number {
    return this.#nowMs
  }

  /** As `now`, with a fraction. */
  get epochMs(): number {
    return START_MS + this.#nowMs
  }

  after(ms: number, fn: () => void): Timer {
    // As Node's timers, it waits 1 ms at least.
    return this.at(this.#nowMs + Math.max(1, ms), fn)
  }

  /** As `after`, but at a point of time, which may be now. */
  at(atMs: number, fn: () => void): Timer {
    const event: Event = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, fn }
    this.#push(event)
    return { cancel: () => (event.fn = undefined) }
  }

  turn(fn: () => void): void {
    this.#turns.push(fn)
  }

  uuid(): string {
    return uuidFrom(this.random)
  }

  /** Lets things happen, one after the other, until `isDone` says so or `endMs` (monotonic) has come. */
  drive(isDone: () => boolean, endMs: number): Promise<DriveEnd> {
    return new Promise((resolve, reject) => {
      let idle = 0
      let isOver = false
      const step = (isLast: boolean) => () => {
        if (isOver) return
        try {
          const end = isDone() ? 'done' : this.#step(endMs)
          idle = end === 'idle' ? idle + 1 : 0
          if (end === 'done' || end === 'late' || idle > IDLE_TURNS * STEPS_A_TURN) {
            isOver = true
            resolve(end as DriveEnd)
          } else if (isLast) {
            lay()
          }
        } catch (error) {
          isOver = true
          reject(error as Error)
        }
      }
      const [one, last] = [step(false), step(true)]
      const lay = (): void => {
        for (let left = STEPS_A_TURN; left > 1; left--) systemClock.turn(one)
        systemClock.turn(last)
      }
      lay()
    })
  }

  #step(endMs: number): 'ran' | 'late' | 'idle' {
    const turn = this.#turns.shift()
    if (turn) {
      this.#steps++
      turn()
      return 'ran'
    }
    for (let next = this.#events[0]; next; next = this.#events[0]) {
      if (next.fn && next.atMs > endMs) return 'late'
      this.#pop()
      if (!next.fn) continue
      this.#nowMs = next.atMs
      this.#steps++
      next.fn()
      return 'ran'
    }
    return 'idle'
  }

  #push(event: Event): void {
    const heap = this.#events
    let at = heap.length
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(event, heap[parent] as Event); parent = (at - 1) >> 1) {
      heap[at] = heap[parent] as Event
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#events
    const moved = heap.pop() as Event
    if (heap.length === 0) return
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isBefore(heap[child] as Event, moved)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = moved
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}
