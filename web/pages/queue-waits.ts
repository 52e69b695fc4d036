// What the counts of waits say in one number.

/** How long the given share (0 to 1) of what was counted waited at most; null: nothing was counted, or it has no bound. */
export function waited(counts: readonly number[], boundsMs: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  let passed = 0
  for (const [bucket, count] of counts.entries()) {
    passed += count
    // The last bucket has no upper bound: it waited longer than the one before it.
    if (passed >= total * share) return boundsMs[bucket] ?? boundsMs.at(-1) ?? null
  }
  return null
}

/** So large a share of what comes in may be chance. */
const NOISE = 0.05
/** What comes in so many seconds is little. */
const FEW_S = 10

/** In how long the queue is empty, in words: `now`, `58s`, `steady`, `never (+12/s)`. */
export function drainWords(
  queue: {
    readonly ready: number | null
    readonly inRate: number
    readonly outRate: number
    readonly drainMs: number | null
  },
  durationOf: (ms: number) => string,
): { readonly text: string; readonly isBad: boolean } {
  if (queue.ready === null) return { text: '–', isBad: false }
  if (queue.ready === 0) return { text: 'empty', isBad: false }
  if (queue.drainMs !== null) return { text: queue.drainMs < 1_000 ? 'now' : durationOf(queue.drainMs), isBad: false }
  const more = queue.inRate - queue.outRate
  // Over a minute, in and out are never quite the same.
  if (more > 0 && more < Math.max(0.2, queue.inRate * NOISE) && queue.ready < queue.inRate * FEW_S) {
    return { text: 'steady', isBad: false }
  }
  if (more > 0) return { text: `never (+${more < 9.95 ? more.toFixed(1) : Math.round(more)}/s)`, isBad: true }
  return { text: queue.outRate === 0 ? 'stands still' : '–', isBad: queue.outRate === 0 }
}
