import type { Clock } from '../../base/clock.ts'
import type { TaskList, TaskRow } from '../api-tasks.ts'
import { GONE } from '../tasks/columns.ts'
import { rowOf } from '../tasks/task-rows.ts'
import type { TaskTable } from '../tasks/task-table.ts'
import type { Match } from './compile.ts'
import { Counts } from './counts.ts'
import type { Filter } from './parse.ts'
import { Verdicts } from './verdicts.ts'

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

/** Looks through the tasks, the newest first, in slices. */
export async function runQuery(table: TaskTable, query: Query, clock: Clock): Promise<Omit<TaskList, 'asOfMs'>> {
  const { filter, facets } = query
  const nowMs = clock.now()
  const slots = table.snapshot()
  const oldest = slots.at(-1)
  const firstMs = oldest === undefined ? nowMs : (table.columns.updatedMs[oldest] as number)
  const counts = facets ? new Counts(table, firstMs, nowMs) : undefined
  const page = new Page(table, query)
  // With nothing to look for, and nothing to count, the first page is all that need be looked at.
  const isAll = filter.kind === 'all' && !counts
  const verdicts = new Verdicts(filter, table, nowMs)
  const found = new Int32Array(STEP)
  let matching = 0
  let match = verdicts.matcher()
  let sliceMs = clock.monotonic()
  for (let at = 0; at < slots.length && !(isAll && page.isFull); at += STEP) {
    if (at > 0 && clock.monotonic() - sliceMs > SLICE_MS) {
      counts?.pause()
      await new Promise<void>((resolve) => clock.turn(resolve))
      sliceMs = clock.monotonic()
      match = verdicts.matcher()
    }
    const count = find(table, slots, at, match, found)
    matching += count
    counts?.add(found, count)
    page.add(found, count)
  }
  if (!isAll) verdicts.done()
  const held = table.size
  return {
    ...page.told(),
    matching: isAll ? held : matching,
    held,
    ...(counts && { facets: counts.facets(), histogram: counts.histogram() }),
  }
}

/** Those of the next tasks that match. A function of its own, and short, so that it is made fast. */
function find(table: TaskTable, slots: Int32Array, from: number, match: Match, found: Int32Array): number {
  const { touch } = table.columns
  const end = Math.min(from + STEP, slots.length)
  let count = 0
  for (let at = from; at < end; at++) {
    const slot = slots[at] as number
    // One that was let go of meanwhile is no task.
    if ((touch[slot] as number) !== GONE && match(slot)) found[count++] = slot
  }
  return count
}

class Page {
  readonly #table: TaskTable
  readonly #limit: number
  readonly #before: number
  readonly #rows: TaskRow[] = []
  #next = Infinity

  constructor(table: TaskTable, { limit, before = Infinity }: Query) {
    this.#table = table
    this.#limit = limit
    this.#before = before
  }

  get isFull(): boolean {
    return this.#rows.length >= this.#limit
  }

  add(found: Int32Array, count: number): void {
    const { touch } = this.#table.columns
    for (let at = 0; at < count && !this.isFull; at++) {
      const slot = found[at] as number
      const touched = touch[slot] as number
      if (touched >= this.#before) continue
      this.#rows.push(rowOf(this.#table, slot))
      // One of which was heard since the look began is newer than those before it.
      this.#next = Math.min(this.#next, touched)
    }
  }

  told(): Pick<TaskList, 'rows' | 'before'> {
    return { rows: this.#rows, before: this.isFull ? String(this.#next) : null }
  }
}
