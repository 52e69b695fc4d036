import { describe } from 'vitest'
import { hasService, SERVICES, type Need } from '../../scripts/services.mjs'

/** Whether the machine has what a test needs. */
export function available(need: Need): boolean {
  return hasService(need)
}

/** `describe` for tests that need something of the machine; where it is missing they are skipped, and the name says why. */
export function describeWith(needs: readonly Need[], name: string, suite: () => void): void {
  const missing = needs.filter((need) => !available(need)).map((need) => SERVICES[need].what)
  if (missing.length === 0) describe(name, suite)
  else describe.skip(`${name} [left out: no ${missing.join(', no ')} on this machine]`, suite)
}
