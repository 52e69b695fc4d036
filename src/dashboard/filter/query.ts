import type { Clock } from '../../base/clock.ts'
import type { Facet, TaskList, TaskRow } from '../api-tasks.ts'
import { stateText } from '../tasks/states.ts'
import { rowOf } from '../tasks/task-rows.ts'
import type { TaskTable } from '../tasks/task-table.ts'
import { compileFilter } from './compile.ts'
import type { Filter } from './parse.ts'

/** What is asked for. */
export interface Query {
  readonly filter: Filter
  readonly limit: number
  /** What the page before has answered. */
  readonly before?: number | undefined
  readonly facets: boolean
}

/** The loop is given back after so long: events come in meanwhile, and other requests are answered. */
const SLICE_MS = 5

/** Tasks between two looks at the clock. */
const STEP = 500

/** Values of a facet that are told. */
const MOST_VALUES = 50

/** Bars of the histogram, at most. */
const BARS = 60

const FACETS = ['name', 'queue', 'worker'] as const

/** Steps that people can read. */
const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800].map(
  (seconds) => seconds * 1000,
)

/** Looks through the tasks, the newest first, in slices. */
export async function runQuery(table: TaskTable, query: Query, clock: Clock): Promise<Omit<TaskList, 'asOfMs'>> {
  const { filter, limit, before = Infinity, facets } = query
  const nowMs = clock.now()
  const slots = table.snapshot()
  const rows: TaskRow[] = []
  let next: number | undefined
  let matching = 0
  const counts = facets ? new Counts(table, slots, nowMs) : undefined
  // With nothing to look for, and nothing to count, the first page is all that need be looked at.
  const isAll = filter.kind === 'all' && !counts
  let sliceMs = clock.monotonic()
  let match = compileFilter(filter, table, nowMs)
  for (let at = 0; at < slots.length; at++) {
    if (at % STEP === STEP - 1 && clock.monotonic() - sliceMs > SLICE_MS) {
      await new Promise<void>((resolve) => clock.turn(resolve))
      sliceMs = clock.monotonic()
      match = compileFilter(filter, table, nowMs)
    }
    const slot = slots[at] as number
    if (table.columns.id[slot] === '' || !match(slot)) continue
    matching++
    counts?.add(slot)
    const touch = table.columns.touch[slot] as number
    if (rows.length < limit) {
      if (touch >= before) continue
      rows.push(rowOf(table, slot))
      next = touch
    } else if (isAll) break
  }
  const isLast = rows.length < limit || next === undefined
  const held = table.size
  return {
    rows,
    before: isLast ? null : String(next),
    matching: isAll ? held : matching,
    held,
    ...(counts && { facets: counts.facets(), histogram: counts.histogram() }),
  }
}

class Counts {
  readonly #table: TaskTable
  readonly #states = new Map<number, number>()
  readonly #names: Record<(typeof FACETS)[number], Map<string, number>> = {
    name: new Map(),
    queue: new Map(),
    worker: new Map(),
  }
  readonly #fromMs: number
  readonly #stepMs: number
  readonly #bars: Uint32Array

  constructor(table: TaskTable, slots: Int32Array, nowMs: number) {
    this.#table = table
    const { updatedMs } = table.columns
    const firstMs = slots.length > 0 ? (updatedMs[slots.at(-1) as number] as number) : nowMs
    const spanMs = Math.max(1, nowMs - firstMs)
    this.#stepMs = STEPS_MS.find((stepMs) => spanMs / stepMs < BARS - 1) ?? Math.ceil(spanMs / (BARS - 2))
    this.#fromMs = Math.floor(firstMs / this.#stepMs) * this.#stepMs
    // A clock that was set back has tasks of times to come.
    const bars = Math.floor((nowMs - this.#fromMs) / this.#stepMs) + 1
    this.#bars = new Uint32Array(Math.max(1, Math.min(BARS, bars)))
  }

  add(slot: number): void {
    const { columns } = this.#table
    const state = columns.state[slot] as number
    this.#states.set(state, (this.#states.get(state) ?? 0) + 1)
    for (const facet of FACETS) this.#addName(facet, slot)
    const bar = Math.floor(((columns.updatedMs[slot] as number) - this.#fromMs) / this.#stepMs)
    const place = Math.max(0, Math.min(this.#bars.length - 1, bar))
    this.#bars[place] = (this.#bars[place] as number) + 1
  }

  facets(): NonNullable<TaskList['facets']> {
    const state = [...this.#states].map(([number, count]) => ({ value: stateText(number), count }))
    const named = (facet: (typeof FACETS)[number]): Facet[] =>
      sorted([...this.#names[facet]].map(([value, count]) => ({ value, count })))
    return { state: sorted(state), name: named('name'), queue: named('queue'), worker: named('worker') }
  }

  histogram(): NonNullable<TaskList['histogram']> {
    return { stepMs: this.#stepMs, fromMs: this.#fromMs, counts: [...this.#bars] }
  }

  #addName(facet: (typeof FACETS)[number], slot: number): void {
    const name = this.#table.nameText(facet, slot)
    if (name === null) return
    const counts = this.#names[facet]
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
}

function sorted(facets: Facet[]): Facet[] {
  return facets.toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, MOST_VALUES)
}
