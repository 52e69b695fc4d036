/** The server tells so many ticks to come of one entry at most. */
export const MOST_TOLD = 300

/** Ticks that fall together. */
export interface Further {
  readonly atMs: number
  readonly count: number
}

/**
 * What comes behind the ticks that are told, before `endMs`: of those that come often not all are told, and one that comes
 * after so long, always, goes on as it has begun. Piece by piece of time, and not tick by tick: of what comes ten times a
 * second there are a million a day.
 */
export function furtherTicks(schedule: string, coming: readonly number[], endMs: number, pieceMs: number): Further[] {
  const [first = 0, last = 0] = [coming[0], coming.at(-1)]
  const stepMs = (last - first) / (coming.length - 1)
  if (coming.length < MOST_TOLD || stepMs <= 0 || !schedule.startsWith('every ')) return []
  const found: Further[] = []
  for (let atMs = last + stepMs; atMs < endMs; atMs += (found.at(-1)?.count ?? 1) * stepMs) {
    const count = Math.max(1, Math.ceil((Math.min(endMs, atMs + pieceMs) - atMs) / stepMs))
    found.push({ atMs, count })
  }
  return found
}
