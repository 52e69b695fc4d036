import type { Stage } from './stages.ts'

/** What a task takes of a process in one stage. */
export interface Part {
  readonly stage: Stage
  /** What it is in this process, where its stage does not say so. */
  readonly detail?: string
  /** Microseconds of CPU. */
  readonly micros: number
}
