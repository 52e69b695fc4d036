import type { Clock, Timer } from '../../../base/clock.ts'

/** So many half intervals without a byte are death: seen between 1.5 and 2 intervals after the last one. */
const MISSED = 3

/**
 * Both sides' heartbeats (spec 4.2.7): one is sent in each half interval in which nothing else was, and a peer that sends
 * nothing is called dead within two intervals. Intervals are counted, not measured: a stalled event loop counts as one,
 * because what the peer sent meanwhile waits in the socket.
 */
export class Heartbeat {
  readonly #clock: Clock
  readonly #halfMs: number
  readonly #tick: () => void
  readonly #dead: () => void
  #timer: Timer | undefined
  #missed = 0
  #ended = false

  /** `tick` is called in each half interval, `dead` once. */
  constructor(clock: Clock, intervalMs: number, tick: () => void, dead: () => void) {
    this.#clock = clock
    this.#halfMs = intervalMs / 2
    this.#tick = tick
    this.#dead = dead
    this.#arm()
  }

  /** Bytes have come. */
  received(): void {
    this.#missed = 0
  }

  end(): void {
    this.#ended = true
    this.#timer?.cancel()
  }

  #arm(): void {
    this.#timer = this.#clock.after(this.#halfMs, () => {
      this.#missed++
      if (this.#missed > MISSED) this.#lastLook()
      else {
        this.#tick()
        if (!this.#ended) this.#arm()
      }
    })
  }

  /** Timers come before sockets in a turn: read once more what may be there after a stall, then decide. */
  #lastLook(): void {
    this.#clock.turn(() =>
      this.#clock.turn(() => {
        if (this.#ended) return
        if (this.#missed > MISSED) this.#dead()
        else this.#arm()
      }),
    )
  }
}
