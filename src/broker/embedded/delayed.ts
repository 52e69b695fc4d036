import type { Clock } from '../../base/clock.ts'
import { type Due, DueHeap } from '../../base/due-heap.ts'
import type { DelayedMessage } from '../broker.ts'
import type { Ledger } from './ledger.ts'
import type { EngineQueue } from './queue.ts'
import type { Until } from './subscription.ts'
import type { Entry } from './waiting.ts'
import { plainMessage } from './wire/packed-message.ts'

/** Longest time to trust the monotonic clock alone: times are told by the wall clock, which may be set meanwhile. */
const LOOK_AGAIN_MS = 60 * 60_000

/** The messages of one engine that wait for their time, in no queue yet. */
export class Delayed {
  readonly #clock: Clock
  readonly #dues: DueHeap
  readonly #ledger: Ledger | undefined
  readonly #onDue: (entry: Entry, queue: EngineQueue) => void
  readonly #waiting = new Map<string, Map<Entry, Due>>()

  /** `onDue` puts a message into its queue. */
  constructor(clock: Clock, ledger: Ledger | undefined, onDue: (entry: Entry, queue: EngineQueue) => void) {
    this.#clock = clock
    this.#ledger = ledger
    this.#onDue = onDue
    this.#dues = new DueHeap(clock, { unref: true })
  }

  /** Takes a message whose time has not come. */
  takes(entry: Entry, queue: EngineQueue): boolean {
    const { dueAtMs } = entry
    if (dueAtMs === undefined || queue.deleted) return false
    const leftMs = dueAtMs - this.#clock.now()
    if (leftMs <= 0) return false
    const entries = this.#waiting.get(queue.name) ?? new Map<Entry, Due>()
    const due = this.#dues.add(Math.min(leftMs, LOOK_AGAIN_MS), () => this.#look(entry, queue))
    this.#waiting.set(queue.name, entries.set(entry, due))
    return true
  }

  /** Takes a message out of somebody's hands. */
  keep(entry: Entry, queue: EngineQueue, { untilMs }: Until): void {
    entry.dueAtMs = untilMs
    entry.expiresAtMs = Infinity
    entry.redelivered = false
    this.#ledger?.delayed(entry)
    if (!this.takes(entry, queue)) this.#come(entry, queue)
  }

  /** What is told of a queue. */
  depth(queue: string): { delayed?: number } {
    const delayed = this.#waiting.get(queue)?.size
    return delayed === undefined ? {} : { delayed }
  }

  /** What will come to a queue, the first first. */
  list(queue: string, limit: number): DelayedMessage[] {
    const entries = [...(this.#waiting.get(queue)?.keys() ?? [])]
    entries.sort((a, b) => timeOf(a) - timeOf(b) || a.seq - b.seq)
    return entries.slice(0, limit).map((entry) => ({ atMs: timeOf(entry), message: plainMessage(entry.message) }))
  }

  /** Drops all that would have come to a queue; returns how many. */
  purge(queue: string): number {
    const entries = this.#waiting.get(queue) ?? new Map<Entry, Due>()
    this.#waiting.delete(queue)
    for (const [entry, due] of entries) {
      due.cancel()
      this.#ledger?.removed(entry)
    }
    return entries.size
  }

  #look(entry: Entry, queue: EngineQueue): void {
    if (this.takes(entry, queue)) return
    const entries = this.#waiting.get(queue.name)
    if (entries?.delete(entry) && entries.size === 0) this.#waiting.delete(queue.name)
    this.#come(entry, queue)
  }

  #come(entry: Entry, queue: EngineQueue): void {
    entry.expiresAtMs = this.#clock.monotonic() + queue.messageTtlMs
    this.#onDue(entry, queue)
  }
}

function timeOf({ dueAtMs = 0 }: Entry): number {
  return dueAtMs
}
