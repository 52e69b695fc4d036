import { type Backoff, backoffMs } from '../../../base/backoff.ts'
import { type Clock, deadline, sleep } from '../../../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../../../base/errors.ts'
import { Lifecycle } from '../../../base/lifecycle.ts'
import { log } from '../../../base/log.ts'
import type { Service } from '../../../base/service.ts'
import type { HeaderValue } from '../../../protocol/headers.ts'
import type { BrokerState } from '../../broker.ts'
import { tell } from '../../tell.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { type Line, type LineEvents, openLine } from './line.ts'
import type { LineUser } from './line-user.ts'
import { type EnginePost, joinPost, type OpenPost } from './post.ts'
import { reach } from './reach.ts'

/** Short: who waits for the new owner to begin must not lose the second in which work goes on. */
const AGAIN: Backoff = { baseMs: 20, maxMs: 200 }

/** While nobody can be the owner: what is wrong with the directory is not mended in milliseconds. */
const TROUBLE: Backoff = { baseMs: 250, maxMs: 5000 }

/** What no waiting mends: `start` tells of it at once. */
const FINAL = ['HOME_UNUSABLE', 'HOME_OWNED']

/** How an {@link EngineClient} is made. */
export interface EngineClientOptions {
  readonly clock: Clock
  /** The data directory. */
  readonly home: string
  readonly sync: boolean
  /** For errors and logs. */
  readonly url: string
  readonly connectTimeoutMs: number
  /** Default: the post of this process. */
  readonly openPost?: OpenPost | undefined
}

/**
 * One connection to the engine of a data directory, wherever it runs. When nobody runs it, or its owner dies, this
 * process may become the owner; else it connects to who did. Brokers, results and stores stand on this.
 */
export class EngineClient implements Service {
  #options: EngineClientOptions
  #users = new Set<LineUser>()
  #clock: Clock
  #state: BrokerState = 'stopped'
  #listeners = new Set<(state: BrokerState) => void>()
  #post: EnginePost | undefined
  #line: Line | undefined
  #lifecycle = new Lifecycle(() => new LovageError('BROKER_CLOSED'))
  #isClosing = false
  #abort = new AbortController()
  #reconnecting: Promise<void> | undefined
  #waiters = new Set<(line: Line | undefined) => void>()
  #lastProblem = 'it was not tried yet'

  constructor(options: EngineClientOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  /** The data directory. */
  get home(): string {
    return this.#options.home
  }

  /** Uses the connection from the next one on, beside others; the returned function ends that. */
  join(events: LineUser): () => void {
    this.#users.add(events)
    return () => void this.#users.delete(events)
  }

  get state(): BrokerState {
    return this.#state
  }

  /** The connection that is up now. */
  get line(): Line | undefined {
    return this.#line
  }

  onState(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** @throws LovageError `BROKER_UNREACHABLE`, `HOME_UNUSABLE`, `HOME_OWNED`, `BROKER_CLOSED` (stopped) */
  start(): Promise<void> {
    return this.#lifecycle.start(() => this.#begin())
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop((running) => this.#finish(running))
  }

  /** @throws LovageError `BROKER_CLOSED` */
  assertOpen(): void {
    if (this.#isClosing || this.#state === 'stopped') throw new LovageError('BROKER_CLOSED')
  }

  /**
   * Asks the owner, and the next one when this one dies meanwhile: only what may be done twice may be asked.
   * @throws LovageError `BROKER_UNREACHABLE`, `BROKER_CLOSED`, and whatever the engine answers
   */
  async ask(kind: number, fill?: (writer: ByteWriter) => void): Promise<HeaderValue | undefined> {
    this.assertOpen()
    const { connectTimeoutMs } = this.#options
    const endMs = this.#clock.monotonic() + connectTimeoutMs
    for (;;) {
      const leftMs = Math.max(1, endMs - this.#clock.monotonic())
      const line = await this.#connected(leftMs)
      const answer = await this.askOn(line, kind, fill, leftMs)
      if (answer) return answer.value
    }
  }

  /** Asks one owner; undefined when the connection is lost before the answer. */
  async askOn(
    line: Line,
    kind: number,
    fill?: (writer: ByteWriter) => void,
    timeoutMs = this.#options.connectTimeoutMs,
  ): Promise<{ value: HeaderValue | undefined } | undefined> {
    if (!line.isOpen) return undefined
    let id = 0
    const answer = new Promise<{ value: HeaderValue | undefined } | undefined>((resolve, reject) => {
      const done = (value: HeaderValue | undefined): void => resolve({ value })
      id = line.ask(kind, { done, failed: reject, lost: () => resolve(undefined) }, fill)
    })
    return deadline(this.#clock, answer, timeoutMs, () => {
      line.forget(id)
      return this.#unreachable(`no answer within ${Math.round(timeoutMs)} ms`)
    })
  }

  /** What to say to who waited for a connection in vain. */
  unreachable(): LovageError {
    return this.#unreachable(this.#lastProblem)
  }

  #unreachable(problem: string): LovageError {
    return new LovageError('BROKER_UNREACHABLE', { url: this.#options.url, problem })
  }

  async #begin(): Promise<void> {
    this.#isClosing = false
    this.#abort = new AbortController()
    this.#enter('connecting')
    try {
      const { home, sync, openPost = joinPost } = this.#options
      this.#post = openPost(home, sync)
      await this.#connect(this.#clock.monotonic() + this.#options.connectTimeoutMs)
    } catch (error) {
      await this.#leave()
      throw error
    }
  }

  async #finish(running: Promise<void>): Promise<void> {
    this.#isClosing = true
    if (this.#state === 'connected') await Promise.all([...this.#users].map(async ({ onStopping }) => onStopping?.()))
    this.#abort.abort(new LovageError('BROKER_CLOSED'))
    for (const wake of this.#waiters) wake(undefined)
    this.#waiters.clear()
    const line = this.#line
    this.#line = undefined
    await line?.close()
    await running.catch(() => {})
    await this.#reconnecting
    await this.#leave()
  }

  async #leave(): Promise<void> {
    const post = this.#post
    this.#post = undefined
    await post?.leave()
    this.#enter('stopped')
  }

  async #connected(timeoutMs: number): Promise<Line> {
    if (this.#line) return this.#line
    if (this.#abort.signal.aborted) throw new LovageError('BROKER_CLOSED')
    let wake: (line: Line | undefined) => void = () => {}
    const up = new Promise<Line | undefined>((resolve) => this.#waiters.add((wake = resolve)))
    const line = await deadline(this.#clock, up, timeoutMs, () => this.unreachable()).finally(() => {
      this.#waiters.delete(wake)
    })
    if (!line) throw new LovageError('BROKER_CLOSED')
    return line
  }

  /** Tries until it is connected, or `endMs` has passed. */
  async #connect(endMs: number): Promise<void> {
    let told = ''
    for (let attempt = 0; ; attempt++) {
      const leftMs = Math.min(endMs - this.#clock.monotonic(), this.#options.connectTimeoutMs)
      try {
        return await this.#attempt(Math.max(leftMs, 1))
      } catch (error) {
        this.#abort.signal.throwIfAborted()
        this.#lastProblem = messageOf(error)
        if (endMs !== Infinity && isLovageError(error) && FINAL.includes(error.code)) throw error
        const waitMs = backoffMs(attempt, isLovageError(error) ? TROUBLE : AGAIN, this.#clock.random())
        if (this.#clock.monotonic() + waitMs >= endMs) throw this.unreachable()
        // What only waiting mends is told once; the rest is the daily bread of every change of owners.
        const isNews = isLovageError(error) && this.#lastProblem !== told
        if (isNews) told = this.#lastProblem
        log(isNews ? 'warn' : 'debug', 'broker', 'not connected yet', { attempt, waitMs, problem: this.#lastProblem })
        await sleep(this.#clock, waitMs, this.#abort.signal)
      }
    }
  }

  async #attempt(timeoutMs: number): Promise<void> {
    const post = this.#post as EnginePost
    const line = await reach(post, this.#clock, timeoutMs, (leftMs) => this.#open(post, leftMs))
    try {
      this.#abort.signal.throwIfAborted()
      const late = (): Error => new Error('it took too long to begin')
      const prepared = Promise.all([...this.#users].map(({ onUp }) => onUp(line)))
      await deadline(this.#clock, prepared, this.#options.connectTimeoutMs, late)
      this.#abort.signal.throwIfAborted()
      if (!line.isOpen) throw new Error('the owner ended the connection')
    } catch (error) {
      await line.close()
      this.#tellDown()
      throw error
    }
    this.#line = line
    this.#enter('connected')
    for (const wake of this.#waiters) wake(line)
    this.#waiters.clear()
  }

  #open(post: EnginePost, timeoutMs: number): Promise<Line> {
    this.#abort.signal.throwIfAborted()
    const events: LineEvents = {
      onSay: (kind, frame, line) => {
        for (const user of this.#users) if (user.onSay(kind, frame, line)) return
      },
      onRoom: () => {
        for (const user of this.#users) user.onRoom?.()
      },
      onClosed: (line, problem) => this.#onLost(line, problem),
    }
    return openLine({ connect: () => post.connect(), clock: this.#clock, home: this.#options.home, timeoutMs, events })
  }

  #tellDown(): void {
    for (const user of this.#users) user.onDown?.()
  }

  #onLost(line: Line, problem: string): void {
    if (this.#line !== line) return
    this.#line = undefined
    this.#lastProblem = problem
    log('warn', 'broker', 'connection lost', { url: this.#options.url, problem })
    this.#tellDown()
    this.#enter('lost')
    this.#reconnecting = this.#connect(Infinity).then(
      () => log('info', 'broker', 'connected again', { url: this.#options.url }),
      () => {}, // Only stop() ends it, and waits for it.
    )
  }

  #enter(state: BrokerState): void {
    if (this.#state === state) return
    this.#state = state
    for (const listener of this.#listeners) tell(listener, state)
  }
}
