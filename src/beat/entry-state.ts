import { createHash } from 'node:crypto'
import { decodeJson, encodeJson } from '../protocol/json.ts'
import type { ResultTree } from '../protocol/result-tree.ts'
import type { Signature } from '../protocol/signature.ts'
import type { Entry } from './entry.ts'

/** An entry as plain data: what the ledger keeps of it, so that whoever reads the ledger knows what is to be sent. */
export type Definition = Entry<Signature>

/** The last message that went out for an entry. */
export interface LastRun {
  /** Of the task, or of what a canvas comes to. */
  readonly id: string
  readonly result: ResultTree
  /** Its tick; null: it was asked for. */
  readonly dueMs: number | null
  readonly sentMs: number
}

/** What the ledger knows of an entry. Times are milliseconds since 1970 on the store's clock. */
export interface EntryState {
  readonly version: 1
  readonly definition: Definition
  /** What the code said when it was last told to the ledger; null: it was added at run time. */
  readonly code: string | null
  readonly isPaused: boolean
  /** How often the clock was set back so far that its times had to come anew; part of the ids of its ticks. */
  readonly era: number
  /** The tick that was decided last, or when it began: ticks that are due after it are to come. */
  readonly cursorMs: number
  /** Ticks that have been sent. */
  readonly sent: number
  /** Ticks that were left out, by their policies. */
  readonly skipped: number
  /** Runs that were asked for and are to be sent, by what tells each from others. */
  readonly asked: readonly string[]
  readonly last: LastRun | null
  /** It waits for the end of the run before: what comes due meanwhile is not missed. */
  readonly isQueueing: boolean
  /** Missed ticks that are due up to here were counted: all that are left of them are to be sent. */
  readonly countedMs: number
  /** Sendings that have failed since the last that went well. */
  readonly failures: number
}

/** An entry that nothing is known of yet: its ticks begin now. */
export function newEntry(definition: Definition, nowMs: number, code: string | null): EntryState {
  return {
    version: 1,
    definition,
    code,
    isPaused: false,
    era: 0,
    cursorMs: nowMs,
    sent: 0,
    skipped: 0,
    asked: [],
    last: null,
    isQueueing: false,
    countedMs: 0,
    failures: 0,
  }
}

/** As the ledger keeps it. @throws LovageError `ENCODE_FAILED` naming the argument that no message can hold */
export function encodeState(state: EntryState): string {
  return encodeJson(state)
}

/** Undefined: a later version wrote it. @throws LovageError `BODY_UNDECODABLE` */
export function decodeState(text: string): EntryState | undefined {
  const state = decodeJson(text) as EntryState
  return state.version === 1 ? state : undefined
}

/** By which one definition is told from another. @throws LovageError `ENCODE_FAILED` */
export function digestOf(definition: Definition): string {
  return createHash('sha1').update(encodeJson(definition)).digest('hex').slice(0, 16)
}
