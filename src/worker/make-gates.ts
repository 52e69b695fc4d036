import type { Clock } from '../base/clock.ts'
import { Copies, type CopiesOptions } from './copies.ts'
import { Expiry } from './expiry.ts'
import { Gates } from './gate.ts'
import { Limits } from './limits.ts'
import { Revoking, type RevokingOptions } from './revoke.ts'
import type { Steering } from './steering.ts'
import type { Work } from './work.ts'

/** What the gates need. */
export interface GatesOptions extends Omit<RevokingOptions, 'revoked' | 'stamps'> {
  readonly clock: Clock
  readonly steering: Steering
  readonly disableRateLimits: boolean
  readonly claim: CopiesOptions['claim']
  /** There are more who wait at a gate, or fewer. */
  readonly onChange: () => void
}

/** The gates of a worker, in their order: what is not wanted any more takes no token of a rate limit. */
export function makeGates(options: GatesOptions): { gates: Gates; revoking: Revoking; limits: Limits } {
  const { clock, steering, lanes, disableRateLimits, settle, onChange, claim } = options
  const revoking = new Revoking({ ...options, revoked: steering.revoked, stamps: steering.stamps })
  const enter = (work: Work): void => lanes.enter(work)
  const limits = new Limits({ clock, rates: steering.rates, enter, onChange })
  const copies = new Copies({ claim, enter, onChange })
  const row = [revoking, new Expiry(clock), copies, ...(disableRateLimits ? [] : [limits])]
  return { gates: new Gates(row, settle), revoking, limits }
}
