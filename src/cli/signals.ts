import { systemClock, type Clock } from '../base/clock.ts'
import { EXIT } from './exit.ts'

/** Signals this close to each other are one keystroke: npm passes on what the terminal has sent to all. */
const SAME_KEYSTROKE_MS = 300

export interface StopSteps {
  /** Ends what runs, takes nothing new, resolves when all has stopped. */
  readonly warm: () => Promise<void>
  /** Lets go at once of what `warm` still waits for. */
  readonly cold: () => Promise<void> | void
  /** Tells the one at the terminal. */
  readonly say: (line: string) => void
  readonly clock?: Clock
}

/**
 * Waits for SIGINT or SIGTERM and stops: warm at the first, cold at the second, at once at the third. Resolves with the
 * exit code.
 */
export function stopOnSignals({ warm, cold, say, clock = systemClock }: StopSteps): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0
    let lastMs = -Infinity
    const onSignal = (): void => {
      const nowMs = clock.monotonic()
      if (nowMs - lastMs < SAME_KEYSTROKE_MS) return
      lastMs = nowMs
      count++
      if (count === 1) {
        say('stopping: what runs is ended first (once more to stop at once)')
        warm().then(() => resolve(count === 1 ? EXIT.done : EXIT.interrupted), reject)
      } else if (count === 2) {
        say('stopping at once: what runs is cut off')
        Promise.resolve(cold()).then(() => resolve(EXIT.interrupted), reject)
      } else {
        process.exit(EXIT.interrupted)
      }
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
