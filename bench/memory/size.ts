/** How much is done. */
export interface Size {
  readonly rounds: number
  /** Tasks that make a worker busy. */
  readonly tasks: number
  /** The same for Celery's. */
  readonly theirs: number
  /** How many of Celery's pools are there. */
  readonly pools: number
  readonly waiting: number
  readonly sleeping: number
  readonly requests: number
  /** How long a process rests before it is looked at, in milliseconds. */
  readonly restMs: number
}

export const FULL: Size = {
  rounds: 3,
  tasks: 30_000,
  theirs: 3_000,
  pools: 3,
  waiting: 100_000,
  sleeping: 20_000,
  requests: 1_000,
  restMs: 1_500,
}

export const TINY: Size = {
  rounds: 1,
  tasks: 200,
  theirs: 20,
  pools: 1,
  waiting: 500,
  sleeping: 500,
  requests: 50,
  restMs: 100,
}

export const MIB = 2 ** 20

export function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
