import type { Duration } from '../base/duration.ts'
import { didYouMean, shown, Unfit, type Check } from './check.ts'

/** Options of the workers of an application, where these are not told otherwise: Celery's settings `worker_*`. */
export interface WorkerDefaults {
  /** Tasks at once in pool `async`, else threads or processes. */
  readonly concurrency?: number
  /** Where tasks run; Celery's names are understood. */
  readonly pool?: string
  /** Messages held, as a multiple of the slots. Gives way to `prefetch` and `fair` (`-O fair`) of a worker. */
  readonly prefetchMultiplier?: number
  /** Tell what happens to each task, as Celery's events. */
  readonly events?: boolean
  /** Start tasks without regard to their rate limits. */
  readonly disableRateLimits?: boolean
  /** A thread or process is replaced after so many tasks. */
  readonly maxTasksPerChild?: number
  /** A thread or process that holds more than so many bytes is replaced. */
  readonly maxMemoryPerChild?: number
  /** `timeLimit` of tasks that name none. */
  readonly timeLimit?: Duration
  /** `softTimeLimit` of tasks that name none. */
  readonly softTimeLimit?: Duration
  /** How long a soft stop waits for what runs. */
  readonly softShutdownTimeout?: Duration
  /** Answer Celery's remote control. */
  readonly remoteControl?: boolean
  /** Let remote control replace the threads or processes of the pools. */
  readonly poolRestarts?: boolean
}

const NAMES: readonly (keyof WorkerDefaults)[] = [
  ...(['concurrency', 'pool', 'prefetchMultiplier', 'disableRateLimits', 'maxTasksPerChild'] as const),
  ...(['maxMemoryPerChild', 'timeLimit', 'softTimeLimit', 'softShutdownTimeout'] as const),
  ...(['events', 'remoteControl', 'poolRestarts'] as const),
]

/** The names; what they are set to is checked with the options of each worker. */
export const workerDefaults: Check<WorkerDefaults> = (value) => {
  const fix = 'Write { concurrency: 4 }'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Unfit(`must be an object, and is ${shown(value)}`, fix)
  }
  for (const name of Object.keys(value)) {
    if (!NAMES.includes(name as keyof WorkerDefaults)) throw new Unfit(`has ${name}`, didYouMean(name, NAMES))
  }
  return Object.freeze({ ...value })
}

/** The options a worker is given over the defaults, which give way where both would say the same thing in two ways. */
export function overDefaults<Given extends object>(given: Given, defaults: WorkerDefaults): Given & WorkerDefaults {
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given
  const left: Record<string, unknown> = { ...defaults }
  const asks = said as { prefetch?: unknown; fair?: unknown; autoscale?: unknown; pool?: unknown }
  if (asks.prefetch !== undefined || asks.fair === true) delete left.prefetchMultiplier
  // A number of processes says nothing of how many tasks another pool can have.
  if (asks.autoscale !== undefined || (asks.pool !== undefined && asks.pool !== defaults.pool)) delete left.concurrency
  return { ...left, ...said } as Given & WorkerDefaults
}
