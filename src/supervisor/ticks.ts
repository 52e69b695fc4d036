import type { Clock, Timer } from '../base/clock.ts'
import type { EventName } from './event-names.ts'
import type { Events } from './events.ts'

const PERIODS: readonly [seconds: number, name: EventName][] = [
  [5, 'TICK_5'],
  [60, 'TICK_60'],
  [3_600, 'TICK_3600'],
]

/** Tells of each 5 seconds, minute and hour of the calendar that begins. */
export class Ticks {
  readonly #clock: Clock
  readonly #events: Events
  #timer: Timer | undefined
  #last = 0

  constructor(clock: Clock, events: Events) {
    this.#clock = clock
    this.#events = events
  }

  start(): void {
    this.#last = Math.floor(this.#clock.now() / 1_000)
    this.#await()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #await(): void {
    const untilNextMs = 5_000 - (this.#clock.now() % 5_000)
    this.#timer = this.#clock.after(untilNextMs, () => this.#tick(), { unref: true })
  }

  #tick(): void {
    const now = Math.floor(this.#clock.now() / 1_000)
    for (const [period, name] of PERIODS) {
      const slice = now - (now % period)
      if (slice !== this.#last - (this.#last % period)) this.#events.notify(name, `when:${slice}`)
    }
    this.#last = now
    this.#await()
  }
}
