import type { Clock, Timer } from './clock.ts'

/** How long events had to wait for the loop, over the last minute; milliseconds. */
export interface LagFigures {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Time between two beats: a shorter stall may pass unseen. */
const BEAT_MS = 100

/** A minute of beats. */
const SLOTS = 600

/** Bytes that a {@link LagMeter} writes to. */
export const LAG_BYTES = (SLOTS + 2) * 4

const BEATS = 0
const COUNT = 1
const FIRST = 2

/**
 * Measures how late the event loop is: a timer that should come every 100 ms, and says how late it came. A loop that
 * stands for 3 s is late for each of the 30 beats that it missed, so that one long stall is not one figure among 600.
 *
 * What it measures is in shared memory: who looks from another thread sees that it beats, and that it does not.
 */
export class LagMeter {
  readonly #clock: Clock
  readonly #cells: Int32Array
  readonly #onBeat: ((lagMs: number) => void) | undefined
  #timer: Timer | undefined
  #slot = 0

  /** @param onBeat called at each beat */
  constructor(clock: Clock, buffer: SharedArrayBuffer, onBeat?: (lagMs: number) => void) {
    this.#clock = clock
    this.#cells = cellsOf(buffer)
    this.#onBeat = onBeat
  }

  start(): void {
    this.#slot = slotOf(this.#clock.monotonic())
    this.#await()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #await(): void {
    const due = (this.#slot + 1) * BEAT_MS
    const waitMs = Math.max(0, due - this.#clock.monotonic())
    this.#timer = this.#clock.after(waitMs, () => this.#beat(due), { unref: true })
  }

  #beat(due: number): void {
    const now = this.#clock.monotonic()
    const lagMs = Math.max(0, now - due)
    const last = Math.max(slotOf(due), slotOf(now))
    const cells = this.#cells
    for (let slot = Math.max(slotOf(due), last - SLOTS + 1); slot <= last; slot++) {
      cells[FIRST + (slot % SLOTS)] = Math.round(Math.max(0, now - slot * BEAT_MS) * 1000)
      cells[COUNT] = Math.min(SLOTS, (cells[COUNT] ?? 0) + 1)
    }
    this.#slot = last
    Atomics.add(cells, BEATS, 1)
    this.#onBeat?.(lagMs)
    if (this.#timer) this.#await()
  }
}

/** Changes with each beat. */
export function beatOf(buffer: SharedArrayBuffer): number {
  return Atomics.load(cellsOf(buffer), BEATS)
}

/** What a {@link LagMeter} has measured in the last minute; undefined before its first beat. */
export function lagFigures(buffer: SharedArrayBuffer): LagFigures | undefined {
  const cells = cellsOf(buffer)
  const count = cells[COUNT] ?? 0
  if (count === 0) return undefined
  // Cells that were never written are 0: the smallest, so that the measured ones are the last.
  const sorted = cells
    .slice(FIRST)
    .sort()
    .subarray(SLOTS - count)
  const at = (share: number): number => (sorted[Math.min(count - 1, Math.floor(share * count))] ?? 0) / 1000
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}

/** The figures of the loop that is latest most of the time, of those that have any. */
export function worstLag(all: readonly (LagFigures | undefined)[]): LagFigures | undefined {
  let worst: LagFigures | undefined
  for (const lag of all) if (lag && (!worst || lag.p99Ms > worst.p99Ms)) worst = lag
  return worst
}

function cellsOf(buffer: SharedArrayBuffer): Int32Array {
  return new Int32Array(buffer, 0, SLOTS + 2)
}

function slotOf(ms: number): number {
  return Math.floor(ms / BEAT_MS + 1e-6)
}
