import { type Backoff, backoffMs } from './backoff.ts'
import { type Clock, deadline, sleep } from './clock.ts'
import { messageOf } from './errors.ts'
import { log } from './log.ts'

/** Short, because work waits: a server that is back is used within a second. */
const RECONNECT: Backoff = { baseMs: 50, maxMs: 1000 }

/** Longest wait for a new connection to have all that the one before had. Heartbeats, where there are any, are faster. */
const PREPARE_MS = 60_000

/** Whether there is a connection. */
export type KeptState = 'connecting' | 'connected' | 'lost' | 'stopped'

/** What is kept. */
export interface Kept {
  readonly isOpen: boolean
  close(): void | Promise<void>
}

export interface KeeperOptions<K extends Kept> {
  readonly clock: Clock
  /** The room that speaks in logs. */
  readonly room: string
  /** Where to, without passwords. */
  readonly url: string
  readonly connectTimeoutMs: number
  /** Opens one; `onClosed` is called when it ends by itself. */
  readonly open: (timeoutMs: number, onClosed: (problem: Error) => void) => Promise<K>
  /** Makes a new connection fit for use, before anybody else has it. Rejects when it is lost meanwhile. */
  readonly onUp: (kept: K) => Promise<void>
  /** The connection is gone. */
  readonly onDown: (problem: unknown) => void
  /** It will be so at each try: `start` fails at once. Gives the error to throw, or nothing. */
  readonly fatal: (error: unknown) => Error | undefined
  readonly unreachable: (problem: string) => Error
  readonly closed: () => Error
  readonly onState: (state: KeptState) => void
}

/** Keeps one connection: opens it, and opens another when it is lost, until it is told to stop. */
export class Keeper<K extends Kept> {
  #options: KeeperOptions<K>
  #state: KeptState = 'stopped'
  #kept: K | undefined
  #stopping = new AbortController()
  #reconnecting: Promise<void> | undefined
  #waiters = new Set<(kept: K | undefined) => void>()
  #lastProblem = 'it was not tried yet'

  constructor(options: KeeperOptions<K>) {
    this.#options = options
  }

  get state(): KeptState {
    return this.#state
  }

  /** The connection that is up now. */
  get kept(): K | undefined {
    return this.#kept
  }

  /** Throws what `fatal` gives, `unreachable` when the connect time limit has passed, `closed` when stopped meanwhile. */
  async start(): Promise<void> {
    const { clock, connectTimeoutMs } = this.#options
    this.#stopping = new AbortController()
    this.#enter('connecting')
    try {
      await this.#connect(clock.monotonic() + connectTimeoutMs)
    } catch (error) {
      this.#enter('stopped')
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(this.#options.closed())
    for (const wake of this.#waiters) wake(undefined)
    this.#waiters.clear()
    const kept = this.#kept
    this.#kept = undefined
    await Promise.all([kept?.close(), this.#reconnecting])
    this.#enter('stopped')
  }

  /** The connection, once there is one; throws `unreachable` after `timeoutMs`, `closed` when stopped. */
  async connected(timeoutMs: number): Promise<K> {
    if (this.#kept) return this.#kept
    if (this.#state === 'stopped' || this.#stopping.signal.aborted) throw this.#options.closed()
    let wake: (kept: K | undefined) => void = () => {}
    const up = new Promise<K | undefined>((resolve) => this.#waiters.add((wake = resolve)))
    const kept = await deadline(this.#options.clock, up, timeoutMs, () => this.unreachable()).finally(() => {
      this.#waiters.delete(wake)
    })
    if (!kept) throw this.#options.closed()
    return kept
  }

  unreachable(): Error {
    return this.#options.unreachable(this.#lastProblem)
  }

  /** What one is told who has waited for so long. */
  noAnswer(timeoutMs: number): Error {
    if (this.#state !== 'connected') return this.unreachable()
    return this.#options.unreachable(`no answer within ${timeoutMs} ms`)
  }

  /** Gives a connection up that is open and of no use, so that another is opened. */
  giveUp(kept: K, problem: string): void {
    if (this.#kept !== kept) return
    void kept.close()
    this.#onLost(kept, new Error(problem))
  }

  /** Tries until it is connected, or `endMs` has passed. What is fatal ends it at once where there is an end. */
  async #connect(endMs: number): Promise<void> {
    const { clock, connectTimeoutMs, fatal } = this.#options
    for (let attempt = 0; ; attempt++) {
      const leftMs = Math.min(endMs - clock.monotonic(), connectTimeoutMs)
      try {
        return await this.#attempt(Math.max(leftMs, 1))
      } catch (error) {
        this.#stopping.signal.throwIfAborted()
        // A last try that was cut short by the deadline says less than the one before.
        const isCutShort = attempt > 0 && clock.monotonic() >= endMs - 1
        if (!isCutShort) this.#lastProblem = messageOf(error)
        const end = endMs === Infinity ? undefined : fatal(error)
        if (end) throw end
        const waitMs = backoffMs(attempt, RECONNECT, clock.random())
        if (clock.monotonic() + waitMs >= endMs) throw this.unreachable()
        log('debug', this.#options.room, 'not connected yet', { attempt, waitMs, problem: this.#lastProblem })
        await sleep(clock, waitMs, this.#stopping.signal)
      }
    }
  }

  async #attempt(timeoutMs: number): Promise<void> {
    const { clock, open, onUp, onDown } = this.#options
    let isUp = false
    const kept = await open(timeoutMs, (problem) => {
      if (isUp) this.#onLost(kept, problem)
    })
    try {
      this.#stopping.signal.throwIfAborted()
      await deadline(clock, onUp(kept), PREPARE_MS, () => new Error('it took too long to begin'))
      this.#stopping.signal.throwIfAborted()
      if (!kept.isOpen) throw new Error('the connection was closed')
    } catch (error) {
      onDown(error)
      await kept.close()
      throw error
    }
    isUp = true
    this.#kept = kept
    this.#enter('connected')
    for (const wake of this.#waiters) wake(kept)
    this.#waiters.clear()
  }

  #onLost(kept: K, problem: Error): void {
    if (this.#kept !== kept) return
    const { room, url, onDown } = this.#options
    this.#kept = undefined
    this.#lastProblem = problem.message
    log('warn', room, 'connection lost', { url, problem: problem.message })
    onDown(problem)
    this.#enter('lost')
    this.#reconnecting = this.#connect(Infinity).then(
      () => log('info', room, 'connected again', { url }),
      () => {}, // Only stop() ends it, and waits for it.
    )
  }

  #enter(state: KeptState): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onState(state)
  }
}
