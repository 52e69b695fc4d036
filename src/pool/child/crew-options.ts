import type { Clock } from '../../base/clock.ts'
import type { Carrier, CarrierEvents, ChildExit } from './carrier.ts'
import type { Child } from './child.ts'
import type { Beginning, Report } from './messages.ts'

/** How many children there are, and for how long. */
export interface CrewOptions {
  readonly kind: 'threads' | 'processes'
  readonly clock: Clock
  readonly start: (events: CarrierEvents) => Carrier
  readonly beginning: Omit<Beginning, 'number' | 'isLogged'>
  /** Most jobs at once in one of them. */
  readonly perChild: number
  /** Most children. */
  readonly size: number
  readonly maxTasksPerChild: number | undefined
  /** Bytes. */
  readonly maxMemoryPerChild: number | undefined
  /** One has room, or wants a look: its jobs may have changed. */
  readonly onRoom: () => void
  readonly onReport: (child: Child, report: Report) => void
  /** It is gone, with what is still in `running`. */
  readonly onDeath: (child: Child, exit: ChildExit) => void
}
