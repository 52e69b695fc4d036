import { expect, test } from 'vitest'
import { simulateBeats } from './beats/simulated.ts'

const SCHEDULES = 12

// `npm run prove -- beats` plays 1,000.
test(
  'schedules are kept while beats and workers die and stand still: each tick is run, from one message',
  { timeout: 240_000 },
  async () => {
    const { schedules, faults } = await simulateBeats(10, SCHEDULES)
    expect(schedules).toBe(SCHEDULES)
    for (const fault of ['crash', 'stall', 'cut', 'delay'] as const)
      expect([fault, faults[fault] > 0]).toEqual([fault, true])
  },
)
