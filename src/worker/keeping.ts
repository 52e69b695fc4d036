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

/** Most tasks that are remembered after they were given to the broker. */
const MOST_REMEMBERED = 1_000

/** Messages above this are not remembered. */
const MOST_REMEMBERED_BYTES = 16 * 1024

/**
 * Gives tasks that are due much later back to the broker, to wait there: who held them for hours would lose them with his
 * process, and the broker would take them away from him.
 */
export class Keeping {
  readonly #options: KeepingOptions
  /** By id, in the order in which they were given away, with their times. */
  readonly #away = new Map<string, { readonly work: Work; readonly untilMs: number }>()
  #size = 0

  constructor(options: KeepingOptions) {
    this.#options = options
  }

  /** Tasks that are on their way to the broker. */
  get size(): number {
    return this.#size
  }

  /**
   * Tasks that this worker has given to the broker, or is about to, until a time that is not over, the last thousand at
   * most. In Celery they would be in the worker's hands, and who asks what is scheduled looks for them there.
   */
  get away(): readonly Work[] {
    const now = this.#options.clock.now()
    for (const [id, { untilMs }] of this.#away) if (untilMs <= now) this.#away.delete(id)
    return Array.from(this.#away.values(), ({ work }) => work)
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
    this.#remember(work, untilMs)
    this.#size++
    const isKept = await delays.keep(work.delivery, untilMs).catch((error: unknown) => {
      const { id, task } = work.request
      log('warn', 'worker', 'a task for later could not be kept by the broker', { id, task, error: messageOf(error) })
      return false
    })
    this.#size--
    if (isKept) return kept(work)
    this.#away.delete(work.request.id)
    work.isPassedOn = false
    failed(work, untilMs)
  }

  #remember(work: Work, untilMs: number): void {
    const { id, body } = work.request
    if (body.byteLength > MOST_REMEMBERED_BYTES) return
    this.#away.delete(id)
    this.#away.set(id, { work, untilMs })
    if (this.#away.size <= MOST_REMEMBERED) return
    const [oldest] = this.#away.keys()
    if (oldest !== undefined) this.#away.delete(oldest)
  }
}
