import { type Backoff, backoffMs } from '../../base/backoff.ts'
import { type Clock, deadline, sleep } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { BrokerState } from '../broker.ts'
import { tell } from '../tell.ts'
import type { AmqpUrl } from './amqp-url.ts'
import { type Link, LinkError, type OpenLink } from './link.ts'

/** Short, because work waits: a broker that is back is used within a second. */
const RECONNECT: Backoff = { baseMs: 50, maxMs: 1000 }

/** Longest wait for a new connection to have all that the one before had. Heartbeats, where there are any, are faster. */
const PREPARE_MS = 60_000

export interface KeeperOptions {
  readonly url: AmqpUrl
  readonly clock: Clock
  readonly openLink: OpenLink
  readonly connectTimeoutMs: number
  readonly heartbeatS: number
  readonly name: string
  /** Makes a new connection fit for use, before anybody else has it. Rejects when it is lost meanwhile. */
  readonly onUp: (link: Link) => Promise<void>
  /** The connection is gone. */
  readonly onDown: (problem: LinkError) => void
  readonly onBlocked: (isBlocked: boolean) => void
  readonly onRoom: () => void
}

/** Keeps one connection to the broker: opens it, and opens another when it is lost, until it is told to stop. */
export class Keeper {
  #options: KeeperOptions
  #clock: Clock
  #state: BrokerState = 'stopped'
  #listeners = new Set<(state: BrokerState) => void>()
  #link: Link | undefined
  #stopping = new AbortController()
  #reconnecting: Promise<void> | undefined
  #waiters = new Set<(link: Link | undefined) => void>()
  #lastProblem = 'it was not tried yet'

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  get state(): BrokerState {
    return this.#state
  }

  /** Why the last connection ended or did not come about. */
  get lastProblem(): string {
    return this.#lastProblem
  }

  onState(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** @throws LovageError `BROKER_REFUSED`, `BROKER_UNREACHABLE`, `BROKER_CLOSED` (stopped meanwhile) */
  async start(): Promise<void> {
    this.#stopping = new AbortController()
    this.#enter('connecting')
    try {
      await this.#connect(this.#clock.monotonic() + this.#options.connectTimeoutMs)
    } catch (error) {
      this.#enter('stopped')
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new LovageError('BROKER_CLOSED'))
    for (const wake of this.#waiters) wake(undefined)
    this.#waiters.clear()
    const link = this.#link
    this.#link = undefined
    await Promise.all([link?.close(), this.#reconnecting])
    this.#enter('stopped')
  }

  /** The connection that is up now. */
  get link(): Link | undefined {
    return this.#link
  }

  /**
   * The connection, once there is one.
   * @throws LovageError `BROKER_UNREACHABLE` after `timeoutMs`, `BROKER_CLOSED`
   */
  async connected(timeoutMs: number): Promise<Link> {
    if (this.#link) return this.#link
    if (this.#state === 'stopped' || this.#stopping.signal.aborted) throw new LovageError('BROKER_CLOSED')
    let wake: (link: Link | undefined) => void = () => {}
    const up = new Promise<Link | undefined>((resolve) => this.#waiters.add((wake = resolve)))
    const link = await deadline(this.#clock, up, timeoutMs, () => this.unreachable()).finally(() => {
      this.#waiters.delete(wake)
    })
    if (!link) throw new LovageError('BROKER_CLOSED')
    return link
  }

  unreachable(): LovageError {
    return new LovageError('BROKER_UNREACHABLE', { url: this.#options.url.redacted, problem: this.#lastProblem })
  }

  /** Tries until it is connected, or `endMs` has passed. A refusal ends it at once where there is an end. */
  async #connect(endMs: number): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const leftMs = Math.min(endMs - this.#clock.monotonic(), this.#options.connectTimeoutMs)
      try {
        return await this.#attempt(Math.max(leftMs, 1))
      } catch (error) {
        this.#stopping.signal.throwIfAborted()
        // A last try that was cut short by the deadline says less than the one before.
        const isCutShort = attempt > 0 && this.#clock.monotonic() >= endMs - 1
        if (!isCutShort) this.#lastProblem = messageOf(error)
        if (endMs !== Infinity && isRefusal(error)) {
          const details = { url: this.#options.url.redacted, problem: this.#lastProblem }
          throw new LovageError('BROKER_REFUSED', details)
        }
        const waitMs = backoffMs(attempt, RECONNECT, this.#clock.random())
        if (this.#clock.monotonic() + waitMs >= endMs) throw this.unreachable()
        log('debug', 'broker', 'not connected yet', { attempt, waitMs, problem: this.#lastProblem })
        await sleep(this.#clock, waitMs, this.#stopping.signal)
      }
    }
  }

  async #attempt(timeoutMs: number): Promise<void> {
    const { url, clock, openLink, heartbeatS, name, onUp, onBlocked, onRoom } = this.#options
    let isUp = false
    const onClosed = (problem: LinkError): void => {
      if (isUp) this.#onLost(link, problem)
    }
    const events = { onClosed, onBlocked, onRoom }
    const link = await openLink({ url, clock, heartbeatS, name, timeoutMs, events })
    try {
      this.#stopping.signal.throwIfAborted()
      await deadline(clock, onUp(link), PREPARE_MS, () => new LinkError('connection', 'it took too long to begin'))
      this.#stopping.signal.throwIfAborted()
      if (!link.isOpen) throw new LinkError('connection', 'the connection was closed')
    } catch (error) {
      this.#options.onDown(error instanceof LinkError ? error : new LinkError('connection', messageOf(error)))
      await link.close()
      throw error
    }
    isUp = true
    this.#link = link
    this.#enter('connected')
    for (const wake of this.#waiters) wake(link)
    this.#waiters.clear()
  }

  #onLost(link: Link, problem: LinkError): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.#lastProblem = problem.message
    log('warn', 'broker', 'connection lost', { url: this.#options.url.redacted, problem: problem.message })
    this.#options.onDown(problem)
    this.#enter('lost')
    this.#reconnecting = this.#connect(Infinity).then(
      () => log('info', 'broker', 'connected again', { url: this.#options.url.redacted }),
      () => {}, // Only stop() ends it, and waits for it.
    )
  }

  #enter(state: BrokerState): void {
    if (this.#state === state) return
    this.#state = state
    for (const listener of this.#listeners) tell(listener, state)
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof LinkError && (error.code === 403 || error.code === 530)
}
