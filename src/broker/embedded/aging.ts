import type { Clock } from '../../base/clock.ts'
import { DueHeap } from '../../base/due-heap.ts'
import type { EngineQueue } from './queue.ts'
import type { Entry } from './waiting.ts'

/** What comes of age. */
export interface AgingEvents {
  /** A message has left its queue because its time had passed. */
  readonly expired: (entry: Entry, queue: EngineQueue) => void
  /** A queue has been without consumers for as long as it may. */
  readonly lapsed: (queue: EngineQueue) => void
}

/** Watches the time of the messages and queues of one engine. */
export class Aging {
  #clock: Clock
  #events: AgingEvents
  #dues: DueHeap

  constructor(clock: Clock, events: AgingEvents) {
    this.#clock = clock
    this.#events = events
    this.#dues = new DueHeap(clock, { unref: true })
  }

  /** The next message of a queue that has not run out. */
  take(queue: EngineQueue): Entry | undefined {
    for (let entry = queue.waiting.shift(); entry; entry = queue.waiting.shift()) {
      if (entry.expiresAtMs === Infinity || entry.expiresAtMs > this.#clock.monotonic()) {
        this.watch(queue, queue.waiting.peek()?.expiresAtMs ?? Infinity)
        return entry
      }
      this.#events.expired(entry, queue)
    }
    return undefined
  }

  /** One wait a queue, for the first message that runs out; those behind it are looked at when it fires. */
  watch(queue: EngineQueue, expiresAtMs: number): void {
    if (expiresAtMs >= queue.expiryAtMs || queue.deleted) return
    queue.expiry?.cancel()
    queue.expiryAtMs = expiresAtMs
    queue.expiry = this.#dues.add(Math.max(0, expiresAtMs - this.#clock.monotonic()), () => {
      queue.expiryAtMs = Infinity
      for (const entry of queue.waiting.takeExpired(this.#clock.monotonic())) this.#events.expired(entry, queue)
      this.watch(queue, queue.waiting.nextExpiryMs())
    })
  }

  /** Counts the time of a queue without consumers from now. */
  startLapse(queue: EngineQueue): void {
    if (queue.spec.expiresMs === undefined || queue.consumers.length > 0) return
    queue.lapse?.cancel()
    queue.lapse = this.#dues.add(queue.spec.expiresMs, () => this.#events.lapsed(queue))
  }
}
