import { judgeMutatedMessages } from '../test/property/mutated-messages.ts'

/** How much of it, and from which seed. */
export interface Options {
  rounds?: number
  seed?: number
}

/** Reads 100,000 random and mutated messages: each must be a message or a typed error. */
export function run({ rounds = 100_000, seed = 1 }: Options = {}): Record<string, unknown> {
  return { messages: rounds, seed, verdicts: judgeMutatedMessages(rounds, seed) }
}
