import type { Clock } from '../base/clock.ts'
import { deadline } from '../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Broker } from '../broker/broker.ts'
import { jsonReply, safeError, type Reply } from './reply.ts'

/** Answers `/healthz`: the process lives and its event loop turns. Says nothing of the broker, on purpose: an outage there
 * is no reason to restart this process. */
export function healthReply(): Reply {
  return jsonReply(200, { status: 'ok' })
}

/** What {@link Readiness} needs to know. */
export interface ReadinessOptions {
  readonly clock: Clock
  /** Longest wait for the broker, in milliseconds. */
  readonly timeoutMs: number
  /** How long an answer is used again, in milliseconds. */
  readonly cacheMs: number
}

/** Answers `/readyz`: whether a task could make its way to the broker now, proved by sending something there. */
export class Readiness {
  readonly #broker: () => Promise<Broker>
  readonly #options: ReadinessOptions
  #asking: Promise<Reply> | undefined
  #last: { reply: Reply; atMs: number } | undefined

  constructor(broker: () => Promise<Broker>, options: ReadinessOptions) {
    this.#broker = broker
    this.#options = options
  }

  /** All who ask at the same time, or shortly after, share one look at the broker. */
  check(): Promise<Reply> {
    const { clock, cacheMs } = this.#options
    if (this.#last && clock.monotonic() - this.#last.atMs < cacheMs) return Promise.resolve(this.#last.reply)
    this.#asking ??= this.#ask().then((reply) => {
      this.#asking = undefined
      this.#last = { reply, atMs: clock.monotonic() }
      return reply
    })
    return this.#asking
  }

  async #ask(): Promise<Reply> {
    const { clock, timeoutMs } = this.#options
    const startedMs = clock.monotonic()
    try {
      const probe = this.#broker().then((broker) => broker.probe(timeoutMs))
      // A connection that is still being made has a time limit of its own, longer than this one.
      await deadline(clock, probe, timeoutMs, () => new LovageError('PUBLISH_TIMEOUT', { timeoutMs }))
      return jsonReply(200, { status: 'ok', broker: { tookMs: Math.round(clock.monotonic() - startedMs) } })
    } catch (error) {
      log('warn', 'gateway', 'not ready', { error: messageOf(error) })
      const known = isLovageError(error)
        ? error
        : new LovageError('BROKER_UNREACHABLE', { url: '', problem: messageOf(error) })
      return jsonReply(503, { status: 'unavailable', error: safeError(known) }, { 'retry-after': '5' })
    }
  }
}

/**
 * Watches the connection for the relay. A short loss is waited out, because publishing waits as well and mostly
 * succeeds; once it has lasted as long as a publish may take, requests are refused at once instead of piling up.
 */
export class Outage {
  readonly #clock: Clock
  readonly #patienceMs: number
  #lostAtMs: number | undefined
  #away: LovageError | undefined

  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock
    this.#patienceMs = patienceMs
  }

  /** It has never been reached, and a try has failed. */
  away(error: LovageError): void {
    this.#away = error
  }

  /** Begins to watch; the returned function ends that. */
  watch(broker: Broker): () => void {
    this.#away = undefined
    const note = (): void => {
      if (broker.state === 'connected') this.#lostAtMs = undefined
      else this.#lostAtMs ??= this.#clock.monotonic()
    }
    note()
    return broker.onState(note)
  }

  /** Why nothing can be sent; undefined while it may be tried. */
  get reason(): LovageError | undefined {
    if (this.#away) return this.#away
    if (this.#lostAtMs === undefined) return undefined
    const lostMs = this.#clock.monotonic() - this.#lostAtMs
    if (lostMs < this.#patienceMs) return undefined
    return new LovageError('BROKER_UNREACHABLE', {
      url: 'the configured address',
      problem: `lost ${Math.round(lostMs)} ms ago`,
    })
  }
}
