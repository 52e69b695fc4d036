/** How waits between tries grow. */
export interface Backoff {
  /** First wait, in milliseconds. */
  baseMs: number
  /** Longest wait, in milliseconds. */
  maxMs: number
  /** Growth from one try to the next. Default 2. */
  factor?: number
  /** Draw the wait from 0 to its full length, so that many do not come back at once. Default true. */
  jitter?: boolean
}

/** The wait before try number `attempt` (0 is the first retry), in milliseconds. `random` is a number from 0 to 1. */
export function backoffMs(
  attempt: number,
  { baseMs, maxMs, factor = 2, jitter = true }: Backoff,
  random: number,
): number {
  // Growth without end times nothing would be NaN.
  const growth = Math.min(factor ** attempt, Number.MAX_VALUE)
  const full = Math.min(maxMs, baseMs * growth)
  return jitter ? full * random : full
}
