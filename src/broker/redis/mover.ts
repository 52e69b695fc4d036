import type { Clock, Timer } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { isLost, isPassing } from '../../base/redis/redis-errors.ts'
import { DELAY_MOVES, DUE_CHANNEL } from './delay-words.ts'
import type { RedisLink } from './redis-link.ts'

/** How long others believe that we move what is due, after the last sign of it. */
const LEASE_MS = 15_000

/** Signs within a lease; also how often a mover looks by itself, should it not hear that something is due. */
const SIGNS = 3

/** Messages moved in one step, so that it does not hold the server up for long. */
const BATCH = 500

/** Longest wait for what waits to go back to its queues when the last mover leaves. */
const MOST_BATCHES = 2000

export interface MoverOptions {
  readonly clock: Clock
  /** Goes before every key and channel. */
  readonly prefix: string
  /** Messages came into queues that we may read ourselves: of what we do the server does not tell us. */
  readonly onMoved: () => void
  readonly onUseless: (link: RedisLink, problem: string) => void
}

/**
 * Moves messages whose time has come into their queues, as one of all that do: each move is made once, whoever makes it.
 * One that is no mover, but has sent messages for later, watches that somebody is.
 */
export class Mover {
  readonly #options: MoverOptions
  readonly #channel: string
  #id: string
  #link: RedisLink | undefined
  /** Those in this process who want it. */
  #holders = 0
  #isWatching = false
  #timer: Timer | undefined
  #moving: Promise<void> | undefined
  #isRung = false

  constructor(options: MoverOptions) {
    this.#options = options
    this.#channel = options.prefix + DUE_CHANNEL
    this.#id = options.clock.uuid()
  }

  /** Takes a new connection into use. */
  async attach(link: RedisLink): Promise<void> {
    this.#link = link
    if (this.#holders > 0) await link.listen([this.#channel])
    if (this.#holders > 0 || this.#isWatching) this.ring()
  }

  detach(): void {
    this.#link = undefined
    this.#timer?.cancel()
  }

  /** Moves from now on, until the returned function is called. */
  async begin(link: RedisLink): Promise<() => Promise<void>> {
    await link.listen([this.#channel])
    // Before the first message is kept in the belief that somebody moves it.
    await this.#moveDue(link)
    this.#holders++
    this.ring()
    let isOver = false
    return async () => {
      if (isOver) return
      isOver = true
      this.#holders--
      if (this.#holders === 0) await this.#leave()
    }
  }

  /** A message for later was sent from here. */
  watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    if (this.#holders === 0) this.#arm(LEASE_MS)
  }

  /** Whether a channel is the one on which movers are told. */
  hears(pattern: string): boolean {
    if (pattern !== this.#channel) return false
    this.ring()
    return true
  }

  /** Ends all of it. */
  async end(): Promise<void> {
    this.#isWatching = false
    const wasMover = this.#holders > 0
    this.#holders = 0
    if (wasMover) await this.#leave()
    this.detach()
  }

  /** Something may be due. */
  ring(): void {
    this.#isRung = true
    if (this.#moving) return
    this.#moving = this.#look().finally(() => {
      this.#moving = undefined
      if (this.#isRung && this.#link) this.ring()
    })
  }

  async #look(): Promise<void> {
    this.#isRung = false
    const link = this.#link
    if (!link) return
    try {
      if (this.#holders > 0) this.#arm(await this.#moveDue(link))
      else if (this.#isWatching) {
        await this.#flush(link, '')
        this.#arm(LEASE_MS)
      }
    } catch (error) {
      this.#onFailure(error, link)
    }
  }

  /** Gives in how many ms to look again. */
  async #moveDue(link: RedisLink): Promise<number> {
    for (;;) {
      const answer = await link.run(DELAY_MOVES.move, [this.#id, LEASE_MS, BATCH])
      const [moved, nextMs] = answer as [number, number]
      if (moved > 0) this.#options.onMoved()
      if (moved < BATCH) return nextMs < 0 ? LEASE_MS / SIGNS : Math.min(nextMs, LEASE_MS / SIGNS)
    }
  }

  async #leave(): Promise<void> {
    this.#timer?.cancel()
    await this.#moving
    const link = this.#link
    if (!link) return
    try {
      link.unlisten([this.#channel]).catch(() => {})
      await this.#flush(link, this.#id)
    } catch (error) {
      this.#onFailure(error, link)
    }
    // One who begins again is somebody else to the others.
    this.#id = this.#options.clock.uuid()
    if (this.#isWatching) this.#arm(LEASE_MS)
  }

  /** Where nobody moves: back to their queues. */
  async #flush(link: RedisLink, id: string): Promise<void> {
    let moved = 0
    for (let batch = 0; batch < MOST_BATCHES; batch++) {
      const count = Number(await link.run(DELAY_MOVES.leave, [id, BATCH]))
      moved += count
      if (count < BATCH) break
    }
    if (moved === 0) return
    this.#options.onMoved()
    log('info', 'broker', 'messages for later are in their queues: nobody is there who would move them', { moved })
  }

  #arm(ms: number): void {
    this.#timer?.cancel()
    // A timer that is a little early would only look in vain.
    this.#timer = this.#options.clock.after(Math.ceil(ms) + 1, () => this.ring(), { unref: true })
  }

  #onFailure(error: unknown, link: RedisLink): void {
    if (isLost(error) || !link.isOpen) return
    log('warn', 'broker', 'messages that are due could not be moved', { problem: messageOf(error) })
    if (isPassing(error)) this.#options.onUseless(link, messageOf(error))
    else this.#arm(LEASE_MS / SIGNS)
  }
}
