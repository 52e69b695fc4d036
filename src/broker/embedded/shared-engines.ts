import type { Clock } from '../../base/clock.ts'
import { Engine } from './engine.ts'

/** By clock too: engines of a simulated world are strangers to those of the real one. */
const engines = new WeakMap<Clock, Map<string, Engine>>()

/** The engine of this name in this process, made when there is none. */
export function sharedEngine(name: string, clock: Clock): Engine {
  let named = engines.get(clock)
  if (!named) engines.set(clock, (named = new Map()))
  // An engine in which nothing was left is no different from a new one: names used once must not pile up.
  for (const [other, engine] of named) if (other !== name && engine.isUnused) named.delete(other)
  let engine = named.get(name)
  if (!engine) named.set(name, (engine = new Engine(clock)))
  return engine
}
