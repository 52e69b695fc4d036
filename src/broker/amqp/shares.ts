/** Most credit that a channel can have: AMQP counts it in 16 bits. */
const MOST_CREDIT = 65_535

/** How credit is spread over channels. */
export interface Spread {
  /** Credit that one channel serves well. */
  readonly each: number
  /** Most channels. */
  readonly most: number
}

/**
 * On how many channels so much credit is to be, where it is on `now` of them. Credit that changes a little changes nothing
 * but what the last one has: from next to nothing to twice its part. Credit 0, which is no limit, is on one.
 */
export function channelsFor(credit: number, now: number, { each, most }: Spread): number {
  const isStill = now <= most && credit > (now - 1) * each && credit <= (now + 1) * each
  return isStill ? now : Math.min(most, Math.max(1, Math.ceil(credit / each)))
}

/** What one of `count` channels has of the credit: at least 1, because 0 would be no limit, unless there is none. */
export function shareOf(index: number, count: number, credit: number, { each }: Spread): number {
  if (credit === 0) return 0
  const left = credit - index * each
  return Math.max(1, Math.min(left, index === count - 1 ? MOST_CREDIT : each))
}
