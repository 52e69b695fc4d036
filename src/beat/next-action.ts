import type { EntryState } from './entry-state.ts'
import type { Tick, Timetable } from './timetable.ts'

/** What is to be done about an entry now. */
export type Action =
  /** Nothing, until then; `Infinity`: until somebody changes it. */
  | { readonly kind: 'wait'; readonly atMs: number; readonly isQueueing: boolean }
  /** Find out whether the last run has ended, and ask again. */
  | { readonly kind: 'check' }
  /** Send a tick, or a run that was asked for. */
  | {
      readonly kind: 'send'
      /** What its ids are made of, beside the names of ledger and entry. */
      readonly seed: string
      /** The tick; undefined: it was asked for. */
      readonly tick: Tick | undefined
      /** Ticks before it that are left out. */
      readonly dropped: number
      /** When whoever has not started it need not. */
      readonly expiresAtMs: number | undefined
      /** Missed ticks that are due up to here have been counted; 0: none were. */
      readonly countedMs: number
    }
  /** Leave ticks out, up to one. */
  | { readonly kind: 'skip'; readonly throughMs: number; readonly count: number; readonly reason: SkipReason }

/** Why a tick is left out. */
export type SkipReason = 'missed' | 'overlap' | 'expired'

/** What is known beside the ledger. */
export interface Circumstances {
  readonly nowMs: number
  /** Whether the last run has not ended; undefined: not known yet. */
  readonly isRunning?: boolean | undefined
}

/** Later than so long after its time a tick was missed. Until then every one is sent: schedulers take over from each other. */
export const MISSED_AFTER_MS = 60_000

/** Most ticks that are made up for. */
const MOST_MISSED = 1_000

/** Most ticks that wait for the end of the run before. */
const MOST_QUEUED = 100

/** Between two looks whether the run before has ended: a quarter of the time that it has kept a tick waiting. */
const LOOKS = { leastMs: 250, mostMs: 10_000 }

/** What is to be done about an entry, by what the ledger knows of it. Pure: whoever asks at the same time gets the same. */
export function nextAction(state: EntryState, timetable: Timetable, around: Circumstances): Action {
  const [asked] = state.asked
  const { nowMs, isRunning } = around
  const { overlap, missed, expires, isEnabled, jitterMs } = timetable.policy
  if (asked !== undefined) {
    const expiresAtMs = typeof expires === 'number' ? nowMs + expires : undefined
    return { kind: 'send', seed: `asked ${asked}`, tick: undefined, dropped: 0, expiresAtMs, countedMs: 0 }
  }
  if (state.isPaused || !isEnabled) return { kind: 'wait', atMs: Infinity, isQueueing: false }
  const first = timetable.next(state.cursorMs)
  if (first.atMs > nowMs) return { kind: 'wait', atMs: first.atMs, isQueueing: false }

  if (overlap !== 'allow' && state.last) {
    if (isRunning === undefined) return { kind: 'check' }
    if (isRunning && overlap === 'queue') {
      const pauseMs = Math.min(Math.max((nowMs - first.atMs) / 4, LOOKS.leastMs), LOOKS.mostMs)
      return { kind: 'wait', atMs: nowMs + pauseMs, isQueueing: true }
    }
    if (isRunning) {
      const { last, count } = latest(timetable, state.cursorMs, nowMs, 1)
      return { kind: 'skip', throughMs: last.dueMs, count, reason: 'overlap' }
    }
  }

  // One tick may wait for another whose jitter is longer: what counts is the latest that it may come.
  const isMissed = nowMs > first.dueMs + jitterMs + MISSED_AFTER_MS
  if (!isMissed || first.dueMs <= state.countedMs)
    return sendOf(state, timetable, { tick: first, dropped: 0, nowMs, isCounted: false })
  // Of what expires with the next tick only the last has not.
  if (expires !== 'next' && (state.isQueueing || missed === 'all')) {
    const most = state.isQueueing ? MOST_QUEUED : MOST_MISSED
    const { first: tick, count, kept } = latest(timetable, state.cursorMs, nowMs, most)
    return sendOf(state, timetable, { tick, dropped: count - kept, nowMs, isCounted: true })
  }
  const { last, count } = latest(timetable, state.cursorMs, nowMs, 1)
  const isLastMissed = nowMs > last.dueMs + jitterMs + MISSED_AFTER_MS
  if (missed === 'skip' && isLastMissed) {
    return { kind: 'skip', throughMs: last.dueMs, count, reason: 'missed' }
  }
  return sendOf(state, timetable, { tick: last, dropped: count - 1, nowMs, isCounted: true })
}

interface Sent {
  readonly tick: Tick
  readonly dropped: number
  readonly nowMs: number
  readonly isCounted: boolean
}

function sendOf(state: EntryState, timetable: Timetable, { tick, dropped, nowMs, isCounted }: Sent): Action {
  const { expires } = timetable.policy
  const expiresAtMs =
    expires === 'next' ? timetable.next(tick.dueMs).dueMs : expires === undefined ? undefined : nowMs + expires
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) {
    return { kind: 'skip', throughMs: tick.dueMs, count: dropped + 1, reason: 'expired' }
  }
  return {
    kind: 'send',
    seed: `${state.era} ${tick.dueMs}`,
    tick,
    dropped,
    expiresAtMs,
    countedMs: isCounted ? nowMs : 0,
  }
}

/** More are not counted. */
const MOST_COUNTED = 10_000

interface Latest {
  /** The first of those that are kept. */
  readonly first: Tick
  readonly last: Tick
  /** All that are due, `MOST_COUNTED` at most. */
  readonly count: number
  readonly kept: number
}

/** The latest of the ticks that are due after a moment; one at least is. */
function latest(timetable: Timetable, afterMs: number, nowMs: number, most: number): Latest {
  // From the end, in steps that double: what was missed in a month is not walked through from its beginning.
  for (let lengthMs = 1_000; ; lengthMs *= 2) {
    const fromMs = Math.max(afterMs, nowMs - lengthMs)
    const ticks: Tick[] = []
    for (let tick = timetable.next(fromMs); tick.atMs <= nowMs; tick = timetable.next(tick.dueMs)) ticks.push(tick)
    if (ticks.length < most + 1 && fromMs > afterMs) continue
    const kept = ticks.slice(-most)
    const [first, last] = [kept[0] ?? timetable.next(afterMs), kept.at(-1) ?? timetable.next(afterMs)]
    return {
      first,
      last,
      count: fromMs > afterMs ? counted(timetable, afterMs, nowMs) : ticks.length,
      kept: kept.length,
    }
  }
}

/** How many are due, for those who read the log. */
function counted(timetable: Timetable, afterMs: number, nowMs: number): number {
  let count = 0
  for (let tick = timetable.next(afterMs); tick.atMs <= nowMs && count < MOST_COUNTED; count++) {
    tick = timetable.next(tick.dueMs)
  }
  return count
}
