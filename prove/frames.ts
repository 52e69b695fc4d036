import { judgeMutatedFrames } from '../test/property/mutated-frames.ts'

/**
 * A million mutated conversations of a server, in any chunking: each must end in frames that were read, in bytes that are
 * waited for, or in a typed error, with everything that was asked answered.
 */
export async function run({ rounds = 1_000_000, seed }: { rounds?: number; seed: number }): Promise<{
  holds: boolean
  figures: Record<string, unknown>
}> {
  const verdicts = await judgeMutatedFrames(rounds, seed)
  const judged = Object.values(verdicts).reduce((sum, count) => sum + count)
  return { holds: judged === rounds, figures: { rounds, ...verdicts } }
}
