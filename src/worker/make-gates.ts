import type { Clock } from '../base/clock.ts'
import { Expiry } from './expiry.ts'
import { Gates } from './gate.ts'
import { Limits } from './limits.ts'
import { Revoking, type RevokingOptions } from './revoke.ts'
import type { Steering } from './steering.ts'

/** What the gates need. */
export interface GatesOptions extends Omit<RevokingOptions, 'revoked' | 'stamps'> {
  readonly clock: Clock
  readonly steering: Steering
  readonly disableRateLimits: boolean
  /** There are more who wait at a gate, or fewer. */
  readonly onChange: () => void
}

/** The gates of a worker, in their order: what is not wanted any more takes no token of a rate limit. */
export function makeGates(options: GatesOptions): { gates: Gates; revoking: Revoking; limits: Limits } {
  const { clock, steering, lanes, disableRateLimits, settle, onChange } = options
  const revoking = new Revoking({ ...options, revoked: steering.revoked, stamps: steering.stamps })
  const limits = new Limits({ clock, rates: steering.rates, enter: (work) => lanes.enter(work), onChange })
  const row = [revoking, new Expiry(clock), ...(disableRateLimits ? [] : [limits])]
  return { gates: new Gates(row, settle), revoking, limits }
}
