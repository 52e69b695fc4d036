import { systemClock, type Clock } from '../base/clock.ts'
import { EXIT } from './exit.ts'

/** Signals this close to each other are one keystroke: npm passes on what the terminal has sent to all. */
const SAME_KEYSTROKE_MS = 300

export interface StopSteps {
  /** Ends what runs, takes nothing new, resolves when all has stopped. */
  readonly warm: () => Promise<void>
  /** Waits less than `warm` from now on, and then lets go. Undefined: there is no such step. */
  readonly soft?: (() => Promise<void>) | undefined
  /** Lets go at once of what is still waited for. */
  readonly cold: () => Promise<void> | void
  /** Tells the one at the terminal. */
  readonly say: (line: string) => void
  readonly clock?: Clock
}

const LINES = {
  warm: 'stopping: what runs is ended first (once more to stop at once)',
  soft: 'stopping soon: what runs has a moment left (once more to stop at once)',
  cold: 'stopping at once: what runs is cut off',
}

/**
 * Waits for a signal and stops: SIGINT and SIGTERM warmly, SIGQUIT softly, or coldly where there is no soft way; each
 * further signal is one step on, and after the cold one the process ends. Resolves with the exit code.
 */
export function stopOnSignals({ warm, soft, cold, say, clock = systemClock }: StopSteps): Promise<number> {
  return new Promise((resolve, reject) => {
    const steps = ['warm', ...(soft ? (['soft'] as const) : []), 'cold'] as const
    const take = { warm, soft, cold }
    let taken = -1
    let lastMs = -Infinity
    const onSignal = (signal: NodeJS.Signals): void => {
      const nowMs = clock.monotonic()
      if (nowMs - lastMs < SAME_KEYSTROKE_MS) return
      lastMs = nowMs
      taken = Math.max(taken + 1, signal === 'SIGQUIT' ? 1 : 0)
      const step = steps[taken]
      if (step === undefined) process.exit(EXIT.interrupted)
      say(LINES[step])
      Promise.resolve(take[step]?.()).then(
        () => resolve(steps[taken] === 'cold' ? EXIT.interrupted : EXIT.done),
        reject,
      )
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const) process.on(signal, onSignal)
  })
}
