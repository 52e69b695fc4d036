import { duration, shown, Unfit } from '../app/check.ts'
import type { Schedule } from './schedule.ts'

/** Shorter ones are no work for a scheduler: each tick is a message and an entry of the ledger. */
const SHORTEST_MS = 100

/**
 * Due at every multiple of the interval since 1970, UTC: any number of schedulers agree on the moments without having
 * talked, and a restart moves none of them. Clocks that are put forward or back are of no account.
 * @throws Unfit
 */
export function intervalSchedule(interval: unknown): Schedule {
  const ms = duration(interval)
  if (!Number.isInteger(ms) || ms < SHORTEST_MS) {
    throw new Unfit(`is ${shown(interval)}`, `Write whole milliseconds, at least ${SHORTEST_MS}`)
  }
  return { isElapsing: true, next: (afterMs) => (Math.floor(afterMs / ms) + 1) * ms }
}
