import type { Overview } from '../api.ts'
import { NONE } from '../tasks/columns.ts'
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
  const { updatedMs, state, name: names, error: errors, older } = table.columns
  // By the number of the name, and one more: what has no name is -1.
  const runs = new Uint32Array(table.names.bound + 1)
  const failures = new Map<string, { name: number; error: string; count: number }>()
  for (let slot = table.newest; slot !== NONE; slot = older[slot] as number) {
    if ((updatedMs[slot] as number) < sinceMs) break
    const now = state[slot]
    if (now !== FAILURE && now !== SUCCESS) continue
    const name = names[slot] as number
    runs[name + 1] = (runs[name + 1] as number) + 1
    if (now === SUCCESS) continue
    const error = errorName(errors[slot])
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
      share: count / (runs[name + 1] as number),
    }))
}

/** `TimeoutError('smtp.example')` is a TimeoutError. */
function errorName(error: string | undefined): string {
  return /^[\w.]+/.exec(error ?? '')?.[0]?.slice(0, 100) ?? 'unknown'
}
