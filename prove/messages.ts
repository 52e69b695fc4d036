// Each of 100,000 random and mutated messages is a message or a typed error.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { messageOf } from '../src/base/errors.ts'
import { judgeMutatedMessages } from '../test/property/mutated-messages.ts'

/** `rounds` are messages, made from the seeds `seed`, `seed + 1` and so on. */
export async function run({ rounds = 100_000, seed }: ProofOptions): Promise<Proof> {
  try {
    return { holds: true, figures: { messages: rounds, ...judgeMutatedMessages(rounds, seed) } }
  } catch (error) {
    return { holds: false, figures: { messages: rounds, failed: messageOf(error) } }
  }
}
