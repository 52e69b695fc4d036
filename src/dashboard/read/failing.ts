import type { Overview } from '../api.ts'
import type { KnownTasks } from '../tasks/known-tasks.ts'
import { FAILURE, SUCCESS } from '../tasks/states.ts'

const MOST_FAILING = 20

/** What was counted is good for so long: all tasks are looked through for it. */
const GOOD_MS = 3_000

type Counted = Map<number, { readonly atMs: number; readonly failing: Overview['failing'] }>

const counted = new WeakMap<KnownTasks, Counted>()

/** Names whose runs fail, and with what, of those that ended within a time. */
export function failingOf(index: KnownTasks, withinMs: number, nowMs: number): Overview['failing'] {
  let all = counted.get(index)
  if (!all) counted.set(index, (all = new Map()))
  const known = all.get(withinMs)
  if (known && Math.abs(nowMs - known.atMs) < GOOD_MS) return known.failing
  const found = failing(index, nowMs - withinMs)
  all.set(withinMs, { atMs: nowMs, failing: found })
  return found
}

function failing({ table }: KnownTasks, sinceMs: number): Overview['failing'] {
  const { columns } = table
  const runs = new Map<number, number>()
  const failures = new Map<string, { name: number; error: string; count: number }>()
  for (const slot of table.snapshot()) {
    if ((columns.updatedMs[slot] as number) < sinceMs) break
    const state = columns.state[slot]
    if (state !== FAILURE && state !== SUCCESS) continue
    const name = columns.name[slot] as number
    runs.set(name, (runs.get(name) ?? 0) + 1)
    if (state === SUCCESS) continue
    const error = errorName(columns.error[slot])
    const key = `${name} ${error}`
    const known = failures.get(key)
    if (known) known.count++
    else failures.set(key, { name, error, count: 1 })
  }
  return [...failures.values()]
    .toSorted((a, b) => b.count - a.count)
    .slice(0, MOST_FAILING)
    .map(({ name, error, count }) => ({
      name: table.names.text(name) ?? '?',
      error,
      count,
      share: count / (runs.get(name) ?? count),
    }))
}

/** `TimeoutError('smtp.example')` is a TimeoutError. */
function errorName(error: string | undefined): string {
  return /^[\w.]+/.exec(error ?? '')?.[0]?.slice(0, 100) ?? 'unknown'
}
