import type { App } from '../app/app.ts'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import { sleep, type Clock } from '../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Broker } from '../broker/broker.ts'
import type { Outage } from './health.ts'

/** Between tries that have failed, each of which lasts `connectTimeout` by itself. */
const WAITS: Backoff = { baseMs: 200, maxMs: 5_000 }

/**
 * The way from a gateway to its broker. A gateway whose broker is away starts nevertheless, as it goes on where the broker
 * goes away later: it serves what needs no task, refuses the rest, and says on /readyz that it is not ready.
 */
export class Contact {
  readonly #app: App
  readonly #clock: Clock
  readonly #outage: Outage
  readonly #onReached: (broker: Broker) => void
  readonly #ended = new AbortController()
  #unwatch: (() => void) | undefined

  /** `onReached`: the broker is there for the first time. */
  constructor(app: App, clock: Clock, outage: Outage, onReached: (broker: Broker) => void) {
    this.#app = app
    this.#clock = clock
    this.#outage = outage
    this.#onReached = onReached
  }

  /**
   * Resolves when the broker is there, or its first try has failed and others will follow.
   * @throws what `app.client()` throws, where trying again would not help, or the broker is `needed`
   */
  async make(needed: boolean): Promise<void> {
    try {
      this.#reached(await this.#broker())
    } catch (error) {
      if (needed || !isAway(error)) throw error
      this.#outage.away(error)
      log('warn', 'gateway', 'started without a broker; tries go on', { error: messageOf(error) })
      void this.#again()
    }
  }

  /** Tries no more. */
  end(): void {
    this.#ended.abort(new LovageError('GATEWAY_STOPPING'))
    this.#unwatch?.()
  }

  async #broker(): Promise<Broker> {
    return (await this.#app.client()).broker
  }

  #reached(broker: Broker): void {
    if (this.#ended.signal.aborted) return
    this.#unwatch = this.#outage.watch(broker)
    this.#onReached(broker)
  }

  async #again(): Promise<void> {
    const { signal } = this.#ended
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        await sleep(this.#clock, backoffMs(tries, WAITS, this.#clock.random()), signal)
        this.#reached(await this.#broker())
        return log('info', 'gateway', 'the broker is there')
      } catch (error) {
        if (signal.aborted || isLovageError(error, 'BROKER_CLOSED')) return
        if (isLovageError(error)) this.#outage.away(error)
        // What a broker that just comes up says (no such host yet) may not be so a moment later.
        log(isAway(error) ? 'debug' : 'error', 'gateway', 'broker not reached', { error: messageOf(error), tries })
      }
    }
  }
}

/** Whether it is as good as sure that the same try succeeds once the other side is there. */
function isAway(error: unknown): error is LovageError {
  return isLovageError(error, 'BROKER_UNREACHABLE') || isLovageError(error, 'BACKEND_UNREACHABLE')
}
