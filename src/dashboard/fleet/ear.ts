import type { App } from '../../app/app.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { isLovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { BrokerState } from '../../broker/broker.ts'
import { type HeardEvent, Listener } from '../../fleet/listener.ts'

/** Pause before a broker that could not be reached is tried again. */
const AGAIN_MS = 2_000

/** Hears the events of the fleet, from whenever the broker can be reached. */
export class Ear {
  readonly #app: App
  readonly #clock: Clock
  readonly #onEvents: (events: readonly HeardEvent[]) => void
  #listener: Listener | undefined
  #unlisten: (() => void) | undefined
  #state: BrokerState = 'connecting'
  #problem: string | undefined = 'the broker is not reached yet'
  #timer: Timer | undefined
  #isEnded = false
  #trying: Promise<void> | undefined

  constructor(app: App, clock: Clock, onEvents: (events: readonly HeardEvent[]) => void) {
    this.#app = app
    this.#clock = clock
    this.#onEvents = onEvents
  }

  /** Why nothing can be heard now; undefined: all is heard. */
  get staleBecause(): string | undefined {
    if (this.#problem !== undefined) return this.#problem
    return this.#state === 'connected' ? undefined : 'the connection to the broker is lost'
  }

  /** Tries once now, and later again and again. Resolves when the first attempt is over. */
  begin(): Promise<void> {
    this.#trying = this.#try()
    return this.#trying
  }

  async end(): Promise<void> {
    this.#isEnded = true
    this.#timer?.cancel()
    this.#unlisten?.()
    await this.#trying
    await this.#listener?.stop().catch(() => {})
  }

  async #try(): Promise<void> {
    try {
      const { broker } = await this.#app.client()
      this.#unlisten?.()
      this.#unlisten = broker.onState((state) => (this.#state = state))
      this.#state = broker.state
      const listener = new Listener({
        broker,
        clock: this.#clock,
        lamport: this.#app.lamport,
        onEvents: this.#onEvents,
      })
      this.#listener = listener
      await listener.start()
      this.#problem = undefined
    } catch (error) {
      if (this.#isEnded) return
      if (this.#problem !== messageOf(error)) {
        log('warn', 'dashboard', 'events cannot be heard', { error: messageOf(error) })
      }
      this.#problem = messageOf(error)
      // An application that was closed has no other connection to come.
      if (isLovageError(error, 'BROKER_CLOSED')) return
      this.#timer = this.#clock.after(AGAIN_MS, () => void (this.#trying = this.#try()), { unref: true })
    }
  }
}
