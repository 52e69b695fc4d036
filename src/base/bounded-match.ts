import { Script } from 'node:vm'

/** An honest expression needs a thousandth of it; the event loop stands still for no longer. */
const LONGEST_MS = 200

const MATCH = new Script('new RegExp(source, "s").test(text)')

/**
 * Whether an expression that somebody else wrote matches a text. One that cannot be read, or that takes longer than 200 ms
 * (there are some that would take for ever), matches nothing. Never throws.
 */
export function boundedMatch(source: string, text: string): boolean {
  try {
    return MATCH.runInNewContext({ source, text }, { timeout: LONGEST_MS }) === true
  } catch {
    return false
  }
}
