import type { ResultTree } from '../protocol/result-tree.ts'
import { encodeJson } from '../protocol/json.ts'
import type { Definition, EntryState } from './entry-state.ts'
import type { Action } from './next-action.ts'
import type { Timetable } from './timetable.ts'

type Sending = Extract<Action, { kind: 'send' }>
type Skipping = Extract<Action, { kind: 'skip' }>
type Waiting = Extract<Action, { kind: 'wait' }>

/** Set back by more than this, the clock was wrong before, and nobody waits for the time that it showed: as in Vixie's cron. */
const WRONG_CLOCK_MS = 3 * 3_600_000

/** Runs that are asked for and not sent, of one entry. */
export const MOST_ASKED = 100

/** What was to be sent has been. Said again it changes nothing: whoever was too late may say it too. */
export function sent(state: EntryState, action: Sending, result: ResultTree, nowMs: number): EntryState {
  const { tick, seed, dropped } = action
  const run = { id: result.id, result, dueMs: tick?.dueMs ?? null, sentMs: nowMs }
  if (!tick) {
    const asked = state.asked.filter((one) => seed !== `asked ${one}`)
    if (asked.length === state.asked.length) return state
    return { ...state, asked, last: run, failures: 0, sent: state.sent + 1 }
  }
  if (isDecided(state, action)) return state
  return {
    ...state,
    cursorMs: tick.dueMs,
    sent: state.sent + 1,
    skipped: state.skipped + dropped,
    last: run,
    failures: 0,
    countedMs: Math.max(state.countedMs, action.countedMs),
  }
}

/** What was to be left out has been. */
export function skipped(state: EntryState, { throughMs, count }: Skipping): EntryState {
  if (throughMs <= state.cursorMs) return state
  return { ...state, cursorMs: throughMs, skipped: state.skipped + count, failures: 0 }
}

/** There is nothing to do for now. */
export function waiting(state: EntryState, { isQueueing }: Waiting): EntryState {
  return isQueueing === state.isQueueing ? state : { ...state, isQueueing }
}

/** It could not be sent, and is to be tried again. */
export function failed(state: EntryState): EntryState {
  return { ...state, failures: state.failures + 1 }
}

/** Whether somebody else has seen to it. */
export function isDecided(state: EntryState, { tick, seed }: Sending): boolean {
  if (!tick) return !state.asked.some((one) => seed === `asked ${one}`)
  return !seed.startsWith(`${state.era} `) || tick.dueMs <= state.cursorMs
}

/** No tick comes until it is resumed. */
export function paused(state: EntryState): EntryState {
  return { ...state, isPaused: true, isQueueing: false }
}

/** Its ticks come again, from now on. */
export function resumed(state: EntryState, nowMs: number): EntryState {
  if (!state.isPaused) return state
  return { ...state, isPaused: false, cursorMs: Math.max(state.cursorMs, nowMs) }
}

/** It is to be sent once, now. */
export function asked(state: EntryState, token: string): EntryState {
  return { ...state, asked: [...state.asked, token] }
}

/** It has become another: where its times have, what they would have been is nobody's business any more. */
export function redefined(
  state: EntryState,
  { definition, code }: Pick<EntryState, 'definition' | 'code'>,
  nowMs: number,
): EntryState {
  const told = { ...state, definition, code, failures: 0 }
  if (timesOf(definition) === timesOf(state.definition)) return told
  return { ...told, cursorMs: Math.max(state.cursorMs, nowMs), isQueueing: false }
}

function timesOf({ crontab, every, solar, timezone }: Definition): string {
  return encodeJson([crontab, every, solar, timezone])
}

/**
 * The clock was set back: its last tick is in the future. What has been sent is not sent again; the next comes when its time
 * has come. Where that is nonsense, its times come anew from now on: of what is about the time that passes, once that is
 * further away than two ticks are apart; of all else, when the clock was hours ahead. Undefined: it is as it should be.
 */
export function resynced(state: EntryState, timetable: Timetable, nowMs: number): EntryState | undefined {
  const aheadMs = state.cursorMs - nowMs
  if (aheadMs <= 0) return undefined
  const apartMs = timetable.next(state.cursorMs).dueMs - state.cursorMs
  const limitMs = timetable.isElapsing ? Math.min(apartMs, WRONG_CLOCK_MS) : WRONG_CLOCK_MS
  if (aheadMs <= limitMs) return undefined
  return { ...state, era: state.era + 1, cursorMs: nowMs, countedMs: 0 }
}
