import type { Service } from '../base/service.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { ResultGroups } from './groups.ts'

/** Where the one who asked wants the outcome: the message's own properties. */
export interface ReplyAddress {
  /** Empty or absent: nobody waits. */
  readonly replyTo?: string
  readonly correlationId?: string
}

/** An outcome that is waited for. */
export interface Expectation {
  /** The first final outcome. Rejects when the backend stops or the slot was given up (`RESULT_FORGOTTEN`). */
  readonly done: Promise<Outcome>
  /** Calls `listener` once, with the first outcome of any kind that comes from now on. There is one such listener an id. */
  onFirst(listener: () => void): void
  /** Calls `listener` for each outcome that is not final: STARTED, RETRY, progress. Returns how to end that. */
  onUpdate(listener: (outcome: Outcome) => void): () => void
  /** The newest outcome seen, final or not. */
  readonly latest: Outcome | undefined
  /** Whoever asked has got the outcome. It is kept for a while longer: among the last 100 such. */
  handed(): void
  /** No longer wanted; frees the slot. */
  close(): void
}

/**
 * Where results wait. `testing/backend-suite.ts` says what holds for all kinds.
 */
export interface ResultBackend extends Service {
  readonly kind: string
  /** What goes into `reply_to` of a message whose result is wanted; undefined where results are found by id alone. */
  readonly replyTo: string | undefined
  /** Groups and chords, as Celery keeps them; undefined where it keeps none. */
  readonly groups?: ResultGroups
  /** How many ids are waited for now, in this process. */
  readonly waiting: number
  /**
   * Listens for the outcome of `id`. Resolves when an outcome published from now on cannot be missed: call it before the
   * message is sent. One slot an id: a second call shares it. Slots are bounded; the oldest settled one goes first.
   * @param isNew The id was drawn just now, and nobody else has it: a final outcome cannot be missed all the same, and what
   *   comes before one may be, in the moment of sending. It may spare the wait for the server.
   */
  expect(id: string, isNew?: boolean): Promise<Expectation>
  /** Stores or sends an outcome. Resolves when it cannot be lost any more. A stored SUCCESS is never overwritten. */
  put(outcome: Outcome, to: ReplyAddress): Promise<void>
  /** The newest outcome known, or undefined: nothing is known of this id (or, over rpc, nothing here). */
  get(id: string): Promise<Outcome | undefined>
  /** Drops what is known of `id`. */
  forget(id: string): Promise<void>
}
