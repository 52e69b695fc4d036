import type { Facet, TaskList } from '../api-tasks.ts'
import type { NameColumn } from '../tasks/columns.ts'
import { stateText } from '../tasks/states.ts'
import type { TaskTable } from '../tasks/task-table.ts'

/** Values of a facet that are told. */
const MOST_VALUES = 50

/** Bars of the histogram, at most. */
const BARS = 60

/** Numbers of states are bytes. */
const STATES = 256

/** Steps that people can read. */
const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800].map(
  (seconds) => seconds * 1000,
)

/** How many of the tasks that match have which state, name, queue and worker, and when they changed last. */
export class Counts {
  readonly #table: TaskTable
  readonly #states = new Uint32Array(STATES)
  readonly #names: NameCounts
  readonly #queues: NameCounts
  readonly #workers: NameCounts
  readonly #fromMs: number
  readonly #stepMs: number
  readonly #bars: Uint32Array

  /** Of tasks that changed no earlier than `firstMs`. */
  constructor(table: TaskTable, firstMs: number, nowMs: number) {
    this.#table = table
    this.#names = new NameCounts(table, 'name')
    this.#queues = new NameCounts(table, 'queue')
    this.#workers = new NameCounts(table, 'worker')
    const spanMs = Math.max(1, nowMs - firstMs)
    this.#stepMs = STEPS_MS.find((stepMs) => spanMs / stepMs < BARS - 1) ?? Math.ceil(spanMs / (BARS - 2))
    this.#fromMs = Math.floor(firstMs / this.#stepMs) * this.#stepMs
    // A clock that was set back has tasks of times to come.
    const bars = Math.floor((nowMs - this.#fromMs) / this.#stepMs) + 1
    this.#bars = new Uint32Array(Math.max(1, Math.min(BARS, bars)))
  }

  /** The first so many of these. */
  add(slots: Int32Array, count: number): void {
    const { state, updatedMs } = this.#table.columns
    const states = this.#states
    const bars = this.#bars
    const [fromMs, stepMs, last] = [this.#fromMs, this.#stepMs, bars.length - 1]
    for (let at = 0; at < count; at++) {
      const slot = slots[at] as number
      const number = state[slot] as number
      states[number] = (states[number] as number) + 1
      const bar = Math.floor(((updatedMs[slot] as number) - fromMs) / stepMs)
      const place = bar <= 0 ? 0 : bar > last ? last : bar
      bars[place] = (bars[place] as number) + 1
    }
    for (const names of [this.#names, this.#queues, this.#workers]) names.add(slots, count)
  }

  /** The loop is given back: from now on a name may have another number. */
  pause(): void {
    for (const names of [this.#names, this.#queues, this.#workers]) names.pause()
  }

  facets(): NonNullable<TaskList['facets']> {
    const state: Facet[] = []
    for (const [number, count] of this.#states.entries()) {
      if (count > 0) state.push({ value: stateText(number), count })
    }
    return {
      state: sorted(state),
      name: this.#names.facets(),
      queue: this.#queues.facets(),
      worker: this.#workers.facets(),
    }
  }

  histogram(): NonNullable<TaskList['histogram']> {
    return { stepMs: this.#stepMs, fromMs: this.#fromMs, counts: [...this.#bars] }
  }
}

/** Counted by number, which costs a hundredth of what counting by text does; by text from one pause to the next. */
class NameCounts {
  readonly #table: TaskTable
  readonly #column: NameColumn
  readonly #byText = new Map<string, number>()
  #counts: Uint32Array
  #counted: number[] = []

  constructor(table: TaskTable, column: NameColumn) {
    this.#table = table
    this.#column = column
    this.#counts = new Uint32Array(table.names.bound)
  }

  add(slots: Int32Array, count: number): void {
    // Names that came since the pause have numbers of their own.
    if (this.#counts.length < this.#table.names.bound) this.#widen()
    const numbers = this.#table.columns[this.#column]
    const counts = this.#counts
    for (let at = 0; at < count; at++) {
      const number = numbers[slots[at] as number] as number
      if (number < 0) continue
      const before = counts[number] as number
      if (before === 0) this.#counted.push(number)
      counts[number] = before + 1
    }
  }

  pause(): void {
    this.#gather()
  }

  facets(): Facet[] {
    this.#gather()
    return sorted([...this.#byText].map(([value, count]) => ({ value, count })))
  }

  #widen(): void {
    const counts = new Uint32Array(this.#table.names.bound)
    counts.set(this.#counts)
    this.#counts = counts
  }

  #gather(): void {
    for (const number of this.#counted) {
      const text = this.#table.names.text(number) ?? ''
      this.#byText.set(text, (this.#byText.get(text) ?? 0) + (this.#counts[number] as number))
      this.#counts[number] = 0
    }
    this.#counted = []
  }
}

function sorted(facets: Facet[]): Facet[] {
  return facets.toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, MOST_VALUES)
}
