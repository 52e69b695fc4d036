import type { Steering } from './steering.ts'
import type { Tally } from './tally.ts'

/** What lives longer than one shift. */
export interface Lasting {
  readonly tally: Tally
  readonly steering: Steering
  /** Resolves when tasks may come; never rejects. */
  readonly ready?: Promise<void> | undefined
}
