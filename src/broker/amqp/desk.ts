import { type Clock, deadline } from '../../base/clock.ts'
import { type Link, type LinkChannel, LinkError } from './link.ts'

/** Gives the connection, waiting at most so long for one. */
type Connected = (timeoutMs: number) => Promise<Link>

/**
 * Where things are declared and asked, one at a time, on a channel of their own: an error there ends the channel, and
 * must end nobody else's. What a loss of the connection interrupted is done again on the next one.
 */
export class Desk {
  #clock: Clock
  #connected: Connected
  #timeoutMs: number
  #late: () => Error
  #channel: LinkChannel | undefined
  #link: Link | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(clock: Clock, connected: Connected, timeoutMs: number, late: () => Error) {
    this.#clock = clock
    this.#connected = connected
    this.#timeoutMs = timeoutMs
    this.#late = late
  }

  /** Runs `work`, after what was asked before. Rejects with what `late` makes when it is not done in time. */
  run<T>(work: (channel: LinkChannel) => Promise<T>): Promise<T> {
    const endMs = this.#clock.monotonic() + this.#timeoutMs
    const turn = this.#last.then(() => this.#untilDone(work, endMs))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #untilDone<T>(work: (channel: LinkChannel) => Promise<T>, endMs: number): Promise<T> {
    for (;;) {
      const leftMs = Math.max(1, endMs - this.#clock.monotonic())
      const link = await this.#connected(leftMs)
      try {
        return await deadline(this.#clock, this.#once(link, work), leftMs, () => this.#giveUp())
      } catch (error) {
        const isLost = error instanceof LinkError && !link.isOpen
        if (!isLost || this.#clock.monotonic() >= endMs) throw error instanceof LinkError ? this.#wrap(error) : error
      }
    }
  }

  async #once<T>(link: Link, work: (channel: LinkChannel) => Promise<T>): Promise<T> {
    if (this.#link !== link || !this.#channel?.isOpen) {
      this.#link = link
      this.#channel = await link.openChannel({})
    }
    return work(this.#channel)
  }

  /** An answer that comes later must not be taken for the next question's. */
  #giveUp(): Error {
    void this.#channel?.close()
    this.#channel = undefined
    return this.#late()
  }

  #wrap(error: LinkError): Error {
    return error.code === 0 ? this.#late() : error
  }
}
