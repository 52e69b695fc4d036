import { type Checks, flag, whole } from '../app/check.ts'

/** Most messages in hand: past a million memory ends before the credit does. */
export const MAX_PREFETCH = 1_000_000

/** How many messages a worker takes into hand. */
export interface CreditOptions {
  /**
   * Most messages in hand, running ones included and those held for later not; at least the slots of all pools. What is
   * beyond the free slots waits in memory, where no other worker can have it. Default: one more than there are slots.
   */
  readonly prefetch?: number
  /** Celery's: `prefetch` as a multiple of the slots. 0: no limit but `highWater` beyond the slots. Default: none. */
  readonly prefetchMultiplier?: number
  /** Celery's `-O fair`: take no message before there is a slot for it. Default false: one more, so that no slot is idle. */
  readonly fair?: boolean
  /**
   * Most messages held in memory until their eta, for each of which the prefetch is raised by one. With so many in hold,
   * those behind them in the queue wait. Default 50,000, less where `prefetch` is near 1,000,000.
   */
  readonly maxHeld?: number
  /**
   * High water mark: so many messages may wait in memory for a slot of a full pool while another pool has free ones, or
   * for the rate limit of their task. Then no more are taken until only `lowWater` of them wait. Each of them is kept from
   * other workers. Default 1000.
   */
  readonly highWater?: number
  /** Low water mark: see `highWater`, and at most that. Default: half of it. */
  readonly lowWater?: number
}

/** They, as everything reads them. */
export interface ResolvedCreditOptions {
  /** With the pools as large as at the start. */
  readonly prefetch: number
  readonly prefetchMultiplier: number | undefined
  readonly maxHeld: number
  readonly highWater: number
  readonly lowWater: number
}

/** Their checks, one by one. */
export const CREDIT_CHECKS: Checks<Required<CreditOptions>> = {
  prefetch: whole(1, MAX_PREFETCH),
  prefetchMultiplier: whole(0, MAX_PREFETCH),
  fair: flag,
  maxHeld: whole(0),
  highWater: whole(0, MAX_PREFETCH),
  lowWater: whole(0, MAX_PREFETCH),
}

/**
 * Checks them against each other and fills in the defaults. `slots` are those of all pools, and `what` is their name;
 * `invalid` makes the error of what cannot stand.
 */
export function resolveCredit(
  checked: CreditOptions,
  { slots, what }: { slots: number; what: string },
  invalid: (option: string, problem: string, fix: string) => Error,
): ResolvedCreditOptions {
  const { prefetch: given, prefetchMultiplier } = checked
  const ways = (['prefetch', 'prefetchMultiplier', 'fair'] as const).filter(
    (name) => (checked[name] ?? false) !== false,
  )
  const [first, second] = ways
  if (second !== undefined) throw invalid(second, `cannot stand beside ${first}`, `Leave one of ${ways.join(', ')} out`)
  if (given !== undefined && given < slots) {
    const problem = `is ${given}, less than ${what} (${slots}): slots would stay empty`
    throw invalid('prefetch', problem, `Raise prefetch to ${slots} or more, or lower concurrency`)
  }
  const highWater = checked.highWater ?? Math.max(1_000, checked.lowWater ?? 0)
  const lowWater = checked.lowWater ?? Math.floor(highWater / 2)
  if (lowWater > highWater) {
    const problem = `is ${lowWater}, more than highWater (${highWater})`
    throw invalid('lowWater', problem, `Lower it to ${highWater} or less, or raise highWater`)
  }
  const beyond = multiplied(slots, prefetchMultiplier, highWater) ?? (checked.fair ? 0 : 1)
  const prefetch = given ?? Math.min(slots + beyond, MAX_PREFETCH)
  const maxHeld = Math.min(checked.maxHeld ?? 50_000, MAX_PREFETCH - prefetch)
  return { prefetch, prefetchMultiplier, maxHeld, highWater, lowWater }
}

/** Messages beyond the slots, as the multiplier has it; undefined: there is none. */
export function multiplied(slots: number, multiplier: number | undefined, highWater: number): number | undefined {
  if (multiplier === undefined) return undefined
  return multiplier === 0 ? highWater : slots * (multiplier - 1)
}
