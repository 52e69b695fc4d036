import { PassingMap } from '../../base/passing.ts'
import type { Clock } from '../../base/clock.ts'
import { type Due, DueHeap } from '../../base/due-heap.ts'
import { log } from '../../base/log.ts'
import { KeptResult } from './journal/kept-result.ts'
import type { DurableLedger } from './journal/durable-ledger.ts'
import { RECORD } from './journal/record.ts'
import { leave } from './journal/segment.ts'

/** Values of results that are kept at most; the oldest go first. They are held in memory. */
const MOST_BYTES = 256 * 2 ** 20

/** What a result costs beside its value. */
const BESIDE_BYTES = 300

interface Held {
  readonly result: KeptResult
  readonly due: Due
}

/** The results of one embedded broker, by key, each for its time. */
export class Results {
  #clock: Clock
  #ledger: DurableLedger
  #dues: DueHeap
  #held = new Map<string, Held>()
  #bytes = 0
  #isOver = false
  #watchers = new PassingMap<string, Set<(result: KeptResult) => void>>()

  constructor(clock: Clock, ledger: DurableLedger, kept: Iterable<KeptResult>) {
    this.#clock = clock
    this.#ledger = ledger
    this.#dues = new DueHeap(clock, { unref: true })
    for (const result of kept) this.#hold(result)
  }

  get(key: string): KeptResult | undefined {
    return this.#held.get(key)?.result
  }

  /** Keeps a result and tells of it. One that is final stays as it is; only such a one outlives the process. */
  put(key: string, value: Buffer, keepMs: number, isFinal: boolean): void {
    if (this.get(key)?.isFinal) return
    this.#forget(key)
    const result = new KeptResult(key, value, this.#clock.now() + keepMs, isFinal)
    this.#hold(result)
    if (isFinal) this.#ledger.keep(result)
    this.#makeRoom()
    for (const watcher of this.#watchers.get(key) ?? []) watcher(result)
  }

  delete(key: string): void {
    const result = this.#forget(key)
    if (result?.isFinal) this.#ledger.drop(RECORD.resultDropped, key)
  }

  /** Tells of each result that is put under this key. */
  watch(key: string, watcher: (result: KeptResult) => void): void {
    const watchers = this.#watchers.get(key) ?? new Set()
    this.#watchers.set(key, watchers.add(watcher))
  }

  unwatch(key: string, watcher: (result: KeptResult) => void): void {
    const watchers = this.#watchers.get(key)
    if (watchers?.delete(watcher) && watchers.size === 0) this.#watchers.delete(key)
  }

  #hold(result: KeptResult): void {
    const due = this.#dues.add(result.expiresAtMs - this.#clock.now(), () => void this.#forget(result.key))
    this.#held.set(result.key, { result, due })
    this.#bytes += sizeOf(result)
  }

  /** Without a record: that its time has passed is written in the one it has. */
  #forget(key: string): KeptResult | undefined {
    const held = this.#held.get(key)
    if (!held) return undefined
    this.#held.delete(key)
    held.due.cancel()
    held.result.isGone = true
    leave(held.result)
    this.#bytes -= sizeOf(held.result)
    return held.result
  }

  #makeRoom(): void {
    for (const key of this.#held.keys()) {
      if (this.#bytes <= MOST_BYTES) return
      if (!this.#isOver) log('warn', 'broker', 'too many results are kept: the oldest go', { bytes: this.#bytes })
      this.#isOver = true
      this.delete(key)
    }
  }
}

function sizeOf({ key, value }: KeptResult): number {
  return key.length * 2 + value.byteLength + BESIDE_BYTES
}
