import type { Clock } from '../../base/clock.ts'
import { DueHeap, type Due } from '../../base/due-heap.ts'
import { isReady, type Outcome } from '../../protocol/outcome.ts'

/** The results of one name, shared by all backends of this process that name it. */
export class ResultStore {
  readonly #max: number
  readonly #dues: DueHeap
  readonly #records = new Map<string, { outcome: Outcome; due: Due }>()
  readonly #listeners = new Set<(outcome: Outcome) => void>()
  /** Goes through the ids from the oldest on. A fresh iterator would walk over all the holes that the evicted have left. */
  #oldest: Iterator<string, undefined> = this.#records.keys()

  constructor(clock: Clock, max: number) {
    this.#max = max
    this.#dues = new DueHeap(clock, { unref: true })
  }

  get size(): number {
    return this.#records.size
  }

  /** Nothing is kept and nobody listens. */
  get isUnused(): boolean {
    return this.size === 0 && this.#listeners.size === 0
  }

  get(id: string): Outcome | undefined {
    return this.#records.get(id)?.outcome
  }

  /** Keeps the outcome for `keepMs` and tells of it. A final one stays as it is, whatever comes after. */
  put(outcome: Outcome, keepMs: number): void {
    const kept = this.#records.get(outcome.id)
    if (kept && isReady(kept.outcome.state)) return
    this.delete(outcome.id)
    if (this.#records.size >= this.#max) this.#evict()
    const due = this.#dues.add(keepMs, () => void this.#records.delete(outcome.id))
    this.#records.set(outcome.id, { outcome, due })
    for (const listener of this.#listeners) listener(outcome)
  }

  delete(id: string): void {
    this.#records.get(id)?.due.cancel()
    this.#records.delete(id)
  }

  listen(listener: (outcome: Outcome) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #evict(): void {
    let next = this.#oldest.next()
    if (next.done) next = (this.#oldest = this.#records.keys()).next()
    if (!next.done) this.delete(next.value)
  }
}

/** A clock of its own time (a simulator's) has stores of its own. */
const stores = new WeakMap<Clock, Map<string, ResultStore>>()

/** The store of `name`, made if it is not there. What it keeps lives as long as the process. */
export function sharedStore(name: string, clock: Clock, max: number): ResultStore {
  let named = stores.get(clock)
  if (!named) stores.set(clock, (named = new Map()))
  for (const [other, store] of named) if (store.isUnused && other !== name) named.delete(other)
  let store = named.get(name)
  if (!store) named.set(name, (store = new ResultStore(clock, max)))
  return store
}
