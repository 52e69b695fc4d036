import type { Failure } from './failure.ts'
import type { Embed } from './signature.ts'
import { decodeJson, encodeJson, type JsonTypes } from './json.ts'

/** Celery's states (celery.states). Tasks may report states of their own, such as `PROGRESS`. */
export type State =
  | 'PENDING'
  | 'RECEIVED'
  | 'STARTED'
  | 'SUCCESS'
  | 'FAILURE'
  | 'RETRY'
  | 'REVOKED'
  | 'REJECTED'
  | 'IGNORED'
  | (string & {})

/** A value that is either still JSON text or already read. Text passes through walls unparsed. */
export type Payload = { readonly text: string } | { readonly value: unknown }

/**
 * What came of a task, finally or so far. Plain data; travels from the pool to the backend to the one who waits.
 */
export interface Outcome {
  /** Task id. */
  readonly id: string
  readonly state: State
  /** SUCCESS: the value returned. FAILURE, RETRY, REVOKED: a {@link Failure}. Else what the task reported. */
  readonly result: Payload
  readonly traceback: string | null
  /** Celery's result tuples of the tasks sent from inside this one. */
  readonly children?: readonly unknown[]
  /** Epoch ms of a final state. */
  readonly doneAtMs?: number
  /**
   * Milliseconds that the function ran, of a final state. Lovage's workers tell it, over rpc in the header
   * `x-lovage-run-ms` of the result message; Python's do not.
   */
  readonly runMs?: number
  readonly groupId?: string
  readonly parentId?: string
  /** What follows the task, where something does: who runs it has read that, beside its arguments. */
  readonly embed?: Embed
  /** With RETRY: when to try again. */
  readonly retry?: { readonly delayMs: number }
  /** With REJECTED: back to the queue. */
  readonly requeue?: boolean
  /** The message goes to the dead letters, for this reason; what waits for the result is told the state nonetheless. */
  readonly dead?: DeadReason
}

/** Why a message went to the dead letters. */
export interface DeadReason {
  /** A code of the error table. */
  readonly code: string
  readonly message: string
}

/** The outcome of a task that failed; there is no traceback unless the `rest` has one. */
export function failed(id: string, failure: Failure, rest: Partial<Outcome> = {}): Outcome {
  return { id, state: 'FAILURE', result: { value: failure }, traceback: null, ...rest }
}

/** A final state: no other follows it. */
export function isReady(state: State): boolean {
  return state === 'SUCCESS' || state === 'FAILURE' || state === 'REVOKED'
}

/** States of Celery's own whose payload tells of the worker and not of the work. */
const INTERNAL: ReadonlySet<State> = new Set(['PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'REJECTED', 'IGNORED'])

/** Whether an outcome is something that the task has told of itself, and has not ended. */
export function isProgress({ state }: Outcome): boolean {
  return !isReady(state) && !INTERNAL.has(state)
}

/**
 * The payload as JSON text.
 * @throws LovageError `ENCODE_FAILED` naming the path (`$.result...`) of what cannot be written
 */
export function payloadText(payload: Payload, { types }: { types?: JsonTypes } = {}): string {
  return 'text' in payload ? payload.text : encodeJson(payload.value, { types, path: '$.result' })
}

/**
 * The payload as a value.
 * @throws LovageError `BODY_UNDECODABLE` for text that is not JSON
 */
export function payloadValue(payload: Payload): unknown {
  return 'text' in payload ? decodeJson(payload.text) : payload.value
}
