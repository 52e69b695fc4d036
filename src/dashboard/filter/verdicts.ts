import type { TaskTable } from '../tasks/task-table.ts'
import { compileFilter, type Match } from './compile.ts'
import type { Filter } from './parse.ts'

/** Filters whose verdicts are kept of one table: one byte a task. */
const MOST_KEPT = 8

const UNKNOWN = 0
const YES = 1
const NO = 2

interface Kept {
  readonly verdicts: Uint8Array
  /** Tasks that have not changed since have been looked at. */
  upTo: number
  rewrites: number
}

const tables = new WeakMap<TaskTable, Map<string, Kept>>()

/**
 * Whether tasks are what a filter asks for, remembered from one look to the next: pages ask for the same each second, and
 * of 200,000 tasks a few thousand have changed since. What asks for the age of tasks is judged anew each time.
 */
export class Verdicts {
  readonly #table: TaskTable
  readonly #nowMs: number
  readonly #lasting: Filter | undefined
  readonly #passing: Filter | undefined
  readonly #kept: Kept | undefined
  readonly #touched: number
  readonly #rewrites: number

  constructor(filter: Filter, table: TaskTable, nowMs: number) {
    this.#table = table
    this.#nowMs = nowMs
    const parts = filter.kind === 'and' ? filter.of : [filter]
    this.#lasting = joined(parts.filter(isLasting))
    this.#passing = joined(parts.filter((part) => !isLasting(part)))
    this.#touched = table.touched
    this.#rewrites = table.rewrites
    if (this.#lasting && this.#lasting.kind !== 'all') this.#kept = keptOf(table, this.#lasting)
  }

  /** For one turn of the loop: names may have other numbers in the next. */
  matcher(): Match {
    const kept = this.#kept
    const lasting = this.#lasting ? compileFilter(this.#lasting, this.#table, this.#nowMs) : undefined
    const remembered = kept && lasting ? remembering(kept, lasting, this.#table) : lasting
    const passing = this.#passing ? compileFilter(this.#passing, this.#table, this.#nowMs) : undefined
    if (!remembered || !passing) return remembered ?? passing ?? (() => true)
    // Each is judged, so that `done` holds.
    return (slot) => remembered(slot) && passing(slot)
  }

  /** All that was held at the beginning has been looked at. */
  done(): void {
    const kept = this.#kept
    if (kept?.rewrites !== this.#rewrites || this.#table.rewrites !== this.#rewrites) return
    kept.upTo = Math.max(kept.upTo, this.#touched)
  }
}

function remembering(kept: Kept, match: Match, { columns: { touch } }: TaskTable): Match {
  const { verdicts } = kept
  return (slot) => {
    let verdict = (touch[slot] as number) <= kept.upTo ? verdicts[slot] : UNKNOWN
    if (verdict === UNKNOWN) verdicts[slot] = verdict = match(slot) ? YES : NO
    return verdict === YES
  }
}

function keptOf(table: TaskTable, filter: Filter): Kept {
  let all = tables.get(table)
  if (!all) tables.set(table, (all = new Map()))
  const key = JSON.stringify(filter)
  let kept = all.get(key)
  // The one that was asked for last is the last.
  all.delete(key)
  if (kept?.verdicts.length !== table.columns.size)
    kept = { verdicts: new Uint8Array(table.columns.size), upTo: 0, rewrites: NaN }
  if (kept.rewrites !== table.rewrites) {
    kept.verdicts.fill(UNKNOWN)
    kept.upTo = -Infinity
    kept.rewrites = table.rewrites
  }
  all.set(key, kept)
  for (const oldest of all.keys()) {
    if (all.size <= MOST_KEPT) break
    all.delete(oldest)
  }
  return kept
}

function isLasting(filter: Filter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.of.every(isLasting)
  return filter.kind === 'not' ? isLasting(filter.of) : filter.kind !== 'age'
}

function joined(parts: readonly Filter[]): Filter | undefined {
  return parts.length > 1 ? { kind: 'and', of: parts } : parts[0]
}
