import type { Clock } from '../../../base/clock.ts'
import { Tables } from './tables.ts'

interface Shared {
  readonly tables: Tables
  users: number
}

/** By clock too: the tables of a simulated world are strangers to those of the real one. */
const known = new WeakMap<Clock, Map<string, Shared>>()

/**
 * The tables of this name in this process, made when there are none. What they keep lives as long as the process; `leave`
 * says that they are not used here any more.
 */
export function joinTables(name: string, clock: Clock): { readonly tables: Tables; readonly leave: () => void } {
  let named = known.get(clock)
  if (!named) known.set(clock, (named = new Map()))
  // Tables in which nothing was left are no different from new ones: names used once must not pile up.
  for (const [other, { tables, users }] of named) {
    if (other !== name && users === 0 && tables.isUnused) named.delete(other)
  }
  let shared = named.get(name)
  if (!shared) named.set(name, (shared = { tables: new Tables({ clock }), users: 0 }))
  const { tables } = shared
  shared.users++
  return { tables, leave: () => void shared.users-- }
}
