import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { BrokerDelays } from '../broker/broker.ts'
import { isWorthKeeping } from '../broker/publish-at.ts'
import type { Work } from './work.ts'

/** What keeping needs. */
export interface KeepingOptions {
  /** Undefined: this broker keeps nothing. */
  readonly delays: BrokerDelays | undefined
  readonly clock: Clock
  /** The broker keeps it: it has left the worker. */
  readonly kept: (work: Work) => void
  /** The broker does not: it is still in hand, or was lost. */
  readonly failed: (work: Work, untilMs: number) => void
}

/**
 * Gives tasks that are due much later back to the broker, to wait there: who held them for hours would lose them with his
 * process, and the broker would take them away from him.
 */
export class Keeping {
  readonly #options: KeepingOptions
  #size = 0

  constructor(options: KeepingOptions) {
    this.#options = options
  }

  /** Tasks that are on their way to the broker. */
  get size(): number {
    return this.#size
  }

  /** False: it is for the worker to hold. */
  takes(work: Work, untilMs: number): boolean {
    const { delays, clock } = this.#options
    if (!delays || !isWorthKeeping(untilMs - clock.now())) return false
    void this.#keep(work, untilMs, delays)
    return true
  }

  async #keep(work: Work, untilMs: number, delays: BrokerDelays): Promise<void> {
    const { kept, failed } = this.#options
    // What comes meanwhile is what takes its place, and no redelivery of it.
    work.isPassedOn = true
    this.#size++
    const isKept = await delays.keep(work.delivery, untilMs).catch((error: unknown) => {
      const { id, task } = work.request
      log('warn', 'worker', 'a task for later could not be kept by the broker', { id, task, error: messageOf(error) })
      return false
    })
    this.#size--
    if (isKept) return kept(work)
    work.isPassedOn = false
    failed(work, untilMs)
  }
}
