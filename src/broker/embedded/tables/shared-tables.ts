import type { Clock } from '../../../base/clock.ts'
import { Tables } from './tables.ts'

/** By clock too: the tables of a simulated world are strangers to those of the real one. */
const shared = new WeakMap<Clock, Map<string, Tables>>()

/** The tables of this name in this process, made when there are none. What they keep lives as long as the process. */
export function sharedTables(name: string, clock: Clock): Tables {
  let named = shared.get(clock)
  if (!named) shared.set(clock, (named = new Map()))
  for (const [other, tables] of named) if (other !== name && tables.isUnused) named.delete(other)
  let tables = named.get(name)
  if (!tables) named.set(name, (tables = new Tables({ clock })))
  return tables
}
