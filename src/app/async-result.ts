import type { Expectation } from '../backend/backend.ts'
import type { Clock } from '../base/clock.ts'
import type { DueHeap } from '../base/due-heap.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { onAbort } from '../base/on-abort.ts'
import { readFailure, reviveFailure } from '../protocol/failure.ts'
import { isReady, type Outcome, payloadValue } from '../protocol/outcome.ts'
import { readResultTuple, type ResultTree } from '../protocol/result-tree.ts'
import { checkGetOptions, type GetOptions } from './get-options.ts'
import { type AnyResult, idsOf, type Progress, progressing, progressOf } from './group-result.ts'
import type { Client } from './send.ts'
import { readStream, type StreamReadOptions } from './stream-reader.ts'
import type { Store } from '../store/store.ts'

/** What a task told before it ended. */
export interface TaskUpdate {
  readonly id: string
  /** STARTED, RETRY, PROGRESS, or a name of the task's own. */
  readonly state: string
  /** What the task told with it; with RETRY what went wrong. */
  readonly meta: unknown
}

/** What results stand on: the application's connection and its one heap of deadlines. */
export interface Waiting {
  readonly clock: Clock
  readonly dues: DueHeap
  readonly resultExpiresMs: number
  client(): Promise<Client>
  /** The client if it is there already, which spares busy senders a promise. */
  clientIfOpen(): Client | undefined
  /** The result of what others hang on. */
  read(tree: ResultTree): AnyResult
  /** The application's store; `what` needs it. */
  store(what: string): Promise<Store>
  /** Has all workers revoke tasks. */
  revoke(ids: readonly string[], options: RevokeTreeOptions): Promise<void>
}

/** How `revoke()` of a result treats what runs. */
export interface RevokeTreeOptions {
  /** End what runs too; else it runs to its end. Default false. */
  readonly terminate?: boolean
}

/** What is known of the task when its result is made. */
export interface SentTask {
  readonly id: string
  readonly task?: string | undefined
  readonly isIgnored?: boolean
  /** Epoch ms. */
  readonly expiresAtMs?: number | undefined
  /** The slot that was opened before the message was sent. */
  readonly expectation?: Expectation | undefined
  /** What came before it in a chain, or in a chord. */
  readonly parent?: AnyResult | undefined
}

/** The result of a task that has been sent. Never thenable, so that it can be returned from an async function. */
export class AsyncResult<Result = unknown, Part = unknown> {
  readonly #sent: SentTask
  readonly #waiting: Waiting

  /** Made by the application: `delay()`, `applyAsync()`, `app.asyncResult(id)`. */
  constructor(sent: SentTask, waiting: Waiting) {
    this.#sent = sent
    this.#waiting = waiting
  }

  /** Id of the task. */
  get id(): string {
    return this.#sent.id
  }

  /** The result of the step before it in a chain, or of the members of a chord; undefined: it is the first. */
  get parent(): AnyResult | undefined {
    return this.#sent.parent
  }

  /** Results of the tasks that it has sent, as far as it has told: callbacks, the next step of its chain, its own. */
  async children(): Promise<AnyResult[]> {
    const { children = [] } = (await this.latest()) ?? {}
    return children.map((tuple) => this.#waiting.read(readResultTuple(tuple)))
  }

  /** How far it has come, and all that came before it in its canvas: see `GroupResult.progress()`. */
  progress(): Promise<Progress> {
    return progressOf(this)
  }

  /** The same whenever a task has ended, until all have: see `GroupResult.progressing()`. */
  progressing(options: GetOptions = {}): AsyncGenerator<Progress, void, void> {
    return progressing(this, options)
  }

  /**
   * Has workers that run now drop it, and all that came before it in its canvas, what is not sent yet too; what has ended
   * stays as it is.
   * @throws LovageError as the broker's `publish` does
   */
  revoke(options: RevokeTreeOptions = {}): Promise<void> {
    return this.#waiting.revoke(idsOf(this), options)
  }

  /**
   * What the task returned. Waits for it until `timeout`, or the moment that the task expires, whichever comes first: a
   * broker may drop an expired message unseen, and then no answer comes. A task that has told that it runs
   * (`trackStarted`, `progress()`) is waited for beyond its expiry.
   * @throws TaskError when it failed or was revoked
   * @throws LovageError `RESULT_TIMEOUT`, `RESULT_IGNORED`, `RESULT_FORGOTTEN`, `BROKER_CLOSED`, `OPTION_INVALID`
   */
  async get(options?: GetOptions): Promise<Result> {
    return this.#value(await this.#awaited(options))
  }

  /**
   * The same for code that lives by callbacks: `callback` is called once, with the error or with what the task returned.
   * What it throws is logged, and goes no further.
   */
  onReady(callback: (error: unknown, value?: Result) => void, options?: GetOptions): void {
    const call = (error: unknown, value?: Result): void => {
      try {
        callback(error, value)
      } catch (thrown) {
        log('error', 'app', 'callback of a result threw', { id: this.id, error: messageOf(thrown) })
      }
    }
    this.get(options).then((value) => call(undefined, value), call)
  }

  /**
   * The parts of a task whose function is an async generator, as it yields them: `for await (const part of
   * result.stream())`. Each reader gets all parts in order, none lost or repeated, and the task runs no further ahead of the
   * slowest than its window. Who leaves the loop has left: the last one to leave stops a task that is `abandonable`. What it
   * returns is what the task returned.
   * @throws TaskError when the task failed or was revoked
   * @throws LovageError `CAPABILITY_MISSING` without a store, `STREAM_RESTARTED`, `STREAM_GAPPED`, `STORE_UNREACHABLE`, and
   *   as {@link get}
   */
  async *stream(options: StreamReadOptions = {}): AsyncGenerator<Part, Result, void> {
    const { id, isIgnored } = this.#sent
    if (isIgnored) throw new LovageError('RESULT_IGNORED', { id })
    const store = await this.#waiting.store('Reading a stream')
    const over = new AbortController()
    const outcome = (): Promise<Outcome> => this.outcome({ signal: over.signal })
    try {
      const parts = readStream({ id, store, outcome, clock: this.#waiting.clock }, options)
      const ended = yield* parts as AsyncGenerator<Part, Outcome, void>
      return this.#value(ended)
    } finally {
      over.abort()
    }
  }

  /** How the task ended, whatever came of it. Waits and throws as {@link get} does, but for TaskError. */
  outcome(options?: GetOptions): Promise<Outcome> {
    try {
      return Promise.resolve(this.#awaited(options))
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  #awaited(options: GetOptions = NO_OPTIONS): Outcome | Promise<Outcome> {
    const { id, isIgnored, expectation: own } = this.#sent
    if (isIgnored) throw new LovageError('RESULT_IGNORED', { id })
    const { timeout, signal } = options === NO_OPTIONS ? NO_LIMITS : checkGetOptions(options)
    // The slot that was opened with the sending, as it nearly always is.
    return own ? this.#outcome(own, timeout, signal) : this.#awaitedAnew(timeout, signal)
  }

  async #awaitedAnew(timeout: number | undefined, signal: AbortSignal | undefined): Promise<Outcome> {
    const { expectation, close } = await this.#open()
    try {
      return await this.#outcome(expectation, timeout, signal)
    } finally {
      close()
    }
  }

  /** The newest outcome known, final or not; undefined when nothing is. Does not wait for the task. */
  async latest(): Promise<Outcome | undefined> {
    const { id, isIgnored, expectation } = this.#sent
    if (isIgnored) throw new LovageError('RESULT_IGNORED', { id })
    if (expectation?.latest) return expectation.latest
    return (await this.#waiting.client()).backend.get(id)
  }

  /**
   * Calls `listener` with each thing the task tells before it ends, beginning with the newest that is known already.
   * Returns how to end that.
   */
  onUpdate(listener: (update: TaskUpdate) => void): () => void {
    let isWanted = !this.#sent.isIgnored
    let end = (): void => {}
    const tell = ({ id, state, result }: Outcome): void => {
      try {
        if (isWanted) listener({ id, state, meta: payloadValue(result) })
      } catch (error) {
        log('error', 'app', 'listener of updates threw', { id, state, error: messageOf(error) })
      }
    }
    void this.#open().then(
      ({ expectation, close }) => {
        const off = expectation.onUpdate(tell)
        end = () => (off(), close())
        if (!isWanted) return end()
        const { latest } = expectation
        if (latest && !isReady(latest.state)) tell(latest)
      },
      () => {}, // The connection cannot be opened: get() tells why, and there is nothing to tell of here.
    )
    return () => {
      if (isWanted) end()
      isWanted = false
    }
  }

  /** Drops what is known of it, here and where results are stored. */
  forget(): Promise<void> {
    this.#sent.expectation?.close()
    const client = this.#waiting.clientIfOpen()
    return client
      ? client.backend.forget(this.id)
      : this.#waiting.client().then(({ backend }) => backend.forget(this.id))
  }

  #value({ state, result, traceback }: Outcome): Result {
    const value = payloadValue(result)
    if (state === 'SUCCESS') return value as Result
    const { id, task } = this.#sent
    throw reviveFailure(readFailure(value), { id, task, traceback })
  }

  /** The slot that was opened with the sending, or one for this wait alone. */
  async #open(): Promise<{ expectation: Expectation; close: () => void }> {
    if (this.#sent.expectation) return { expectation: this.#sent.expectation, close: () => {} }
    const { backend } = this.#waiting.clientIfOpen() ?? (await this.#waiting.client())
    const expectation = await backend.expect(this.id)
    return { expectation, close: () => expectation.close() }
  }

  #outcome(
    expectation: Expectation,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Outcome | Promise<Outcome> {
    signal?.throwIfAborted()
    const { latest } = expectation
    if (!latest || !isReady(latest.state)) return this.#wait(expectation, timeoutMs, signal)
    expectation.handed()
    return latest
  }

  #wait(expectation: Expectation, timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<Outcome> {
    const { clock, dues, resultExpiresMs } = this.#waiting
    const { id, expiresAtMs } = this.#sent
    const patienceMs = timeoutMs ?? resultExpiresMs
    const untilExpiryMs = expiresAtMs === undefined ? Infinity : Math.max(0, expiresAtMs - clock.now())
    return new Promise<Outcome>((resolve, reject) => {
      const fail = (waitedMs: number) => () =>
        settle(() => reject(new LovageError('RESULT_TIMEOUT', { id, timeoutMs: Math.round(waitedMs) })))
      const end = dues.add(patienceMs, fail(patienceMs))
      const expiry =
        untilExpiryMs < patienceMs
          ? dues.add(untilExpiryMs, () => void (isRunning(expectation) || fail(untilExpiryMs)()))
          : undefined
      let isOver = false
      const settle = (how: () => void): void => {
        isOver = true
        end.cancel()
        expiry?.cancel()
        stay?.()
        how()
      }
      const stay = signal && onAbort(signal, () => settle(() => reject(signal.reason as Error)))
      expectation.done.then(
        (outcome) => {
          // Who has given up waiting has not got it: it is kept for when he asks again.
          if (!isOver) expectation.handed()
          settle(() => resolve(outcome))
        },
        (error: unknown) => settle(() => reject(error as Error)),
      )
    })
  }
}

const NO_OPTIONS: GetOptions = Object.freeze({})
const NO_LIMITS: { timeout?: number; signal?: AbortSignal } = Object.freeze({})

function isRunning({ latest }: Expectation): boolean {
  return latest !== undefined && latest.state !== 'RETRY'
}
