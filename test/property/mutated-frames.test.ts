import { expect, test } from 'vitest'
import { judgeMutatedFrames } from './mutated-frames.ts'

test(
  '20,000 mutated conversations of a server, in any chunking, each end in frames or a typed error',
  { timeout: 240_000 },
  async () => {
    const verdicts = await judgeMutatedFrames(20_000, 20_261_121)
    expect(Object.values(verdicts).reduce((sum, count) => sum + count)).toBe(20_000)
    // Each way of ending was met often: the mutations are neither too weak nor too strong.
    for (const count of Object.values(verdicts)) expect(count).toBeGreaterThan(100)
  },
)
