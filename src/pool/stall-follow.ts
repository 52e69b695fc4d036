import type { CapturedStack, InspectorLink } from '../base/capture-stack.ts'
import { captureStack } from '../base/capture-stack.ts'
import type { Clock } from '../base/clock.ts'
import { beatOf } from '../base/lag.ts'
import { readMarks, type Stall, type StalledTask } from './stall.ts'

/** How long a stack may be on its way; after that a stall is told without it: native code cannot be stopped. */
const CAPTURE_MS = 500

/** Where a watched thread puts the function that says which task is on its stack. */
export const WHO_RUNS = Symbol.for('lovage.whoRuns')

const WHO_RUNS_HERE = `globalThis[Symbol.for('lovage.whoRuns')]?.() ?? null`

/** Who is followed, and who hears of it. */
export interface FollowOptions {
  readonly clock: Clock
  /** What the followed thread writes: `stall.ts`. */
  readonly buffer: SharedArrayBuffer
  readonly thresholdMs: number
  /** Opens a line to the inspector of the thread; undefined where there is none. */
  readonly inspect: () => InspectorLink | undefined
  /** Called while a stall lasts, each time that it has become twice as long, and when it is over. */
  readonly tell: (stall: Stall) => void
}

/** Follows the beats of a thread from another one, and finds out who blocks it when they cease. */
export class StallFollower {
  readonly #options: FollowOptions
  #beat: number
  #lookedAt: number
  #since: number
  /** How long it must last to be told of; `Infinity` while the stack of this stall is on its way. */
  #tellFrom: number
  #link: InspectorLink | undefined
  /** It stands still because we look at it. */
  #isPaused = false
  #isLooked = false
  #isTold = false
  #stack: CapturedStack | undefined
  #marks: Pick<Stall, 'blocker' | 'candidates'> | undefined

  constructor(options: FollowOptions) {
    this.#options = options
    this.#beat = beatOf(options.buffer)
    this.#lookedAt = this.#since = options.clock.monotonic()
    this.#tellFrom = options.thresholdMs
  }

  /** To be called several times within the threshold. */
  look(): void {
    const { clock, buffer, thresholdMs } = this.#options
    const now = clock.monotonic()
    const sleptMs = now - this.#lookedAt
    this.#lookedAt = now
    const beat = beatOf(buffer)
    if (this.#isPaused) return
    if (beat !== this.#beat) {
      this.#over(now)
      this.#beat = beat
      this.#since = now
      return
    }
    // All of the process was stopped: that says nothing of its tasks.
    if (sleptMs > thresholdMs) return void (this.#since += sleptMs)
    const blockedMs = now - this.#since
    if (blockedMs < thresholdMs) return
    if (!this.#isLooked) this.#capture()
    const isWaiting = this.#link !== undefined && blockedMs < thresholdMs + CAPTURE_MS
    if (!isWaiting) this.#tell(blockedMs)
  }

  stop(): void {
    this.#link?.close()
    this.#link = undefined
  }

  #capture(): void {
    this.#isLooked = true
    const link = (this.#link = this.#options.inspect())
    if (!link) return
    const onPaused = (): void => {
      // Stopped only after it went on by itself, it is in somebody else's place.
      this.#isPaused = this.#beat === beatOf(this.#options.buffer)
    }
    captureStack(link, WHO_RUNS_HERE, onPaused, (stack) => {
      this.#link = undefined
      if (!this.#isPaused) return
      this.#isPaused = false
      this.#stack = stack
      // Told before, it was told without this.
      this.#tellFrom = 0
      this.#tell(this.#options.clock.monotonic() - this.#since)
    })
  }

  #tell(blockedMs: number): void {
    if (blockedMs < this.#tellFrom) return
    this.#isTold = true
    this.#tellFrom = blockedMs * 2
    this.#options.tell(this.#stall(blockedMs, false))
  }

  #over(now: number): void {
    this.#link?.close()
    this.#link = undefined
    if (this.#isTold || this.#isLooked) this.#options.tell(this.#stall(now - this.#since, true))
    this.#isTold = this.#isLooked = false
    this.#tellFrom = this.#options.thresholdMs
    this.#stack = undefined
    this.#marks = undefined
  }

  #stall(blockedMs: number, isOver: boolean): Stall {
    const stack = this.#stack
    const seen = stack && { ...(stack.at !== undefined && { at: stack.at }), frames: stack.frames }
    if (stack && stack.value !== undefined) {
      const blocker = stack.value as StalledTask | null
      return { blockedMs, isOver, ...(blocker && { blocker }), ...seen }
    }
    // Read while it stands still: later the marks are those of others.
    if (!isOver) this.#marks = readMarks(this.#options.buffer)
    return { blockedMs, isOver, ...this.#marks, ...seen }
  }
}
