/** How much is done. */
export interface Size {
  /** Tasks that wait while others are sent and run. The first is what the others are compared with. */
  readonly depths: readonly number[]
  /** Sent and run at each depth, so often. */
  readonly moved: number
  readonly rounds: number
  readonly workers: readonly number[]
  /** How long the workers are kept busy, in milliseconds. */
  readonly busyMs: number
  /** Bytes of a task's argument, and how many tasks have it. */
  readonly payloads: readonly (readonly [bytes: number, tasks: number])[]
}

const payloads = [
  [100, 3_000],
  [1_000, 3_000],
  [10_000, 1_500],
  [100_000, 300],
  [1_000_000, 30],
] as const

export const FULL: Size = {
  depths: [10_000, 1_000_000],
  moved: 10_000,
  rounds: 3,
  workers: [1, 2, 4, 8],
  busyMs: 1_000,
  payloads,
}

export const LONG: Size = { ...FULL, depths: [10_000, 100_000, 1_000_000], rounds: 7, busyMs: 2_000 }

export const TINY: Size = {
  depths: [50, 200],
  moved: 50,
  rounds: 1,
  workers: [1, 2],
  busyMs: 150,
  payloads: [
    [100, 20],
    [100_000, 5],
  ],
}

/** The numbers of a round, each time begun with another, so that none is always the first. */
export function inTurn<T>(members: readonly T[], round: number): T[] {
  const from = round % members.length
  return [...members.slice(from), ...members.slice(0, from)]
}
