import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../../services/available.ts'
import { RedisNode } from '../../services/redis-node.ts'
import { FAULTS } from './faults.ts'
import { NO_DELAY, playRound } from './round.ts'

describeWith(['redis'], 'one worker and three, under load, and a Redis that is hurt', () => {
  let node: RedisNode
  beforeAll(async () => {
    node = await RedisNode.start(NO_DELAY)
  })
  afterAll(() => node?.remove())

  for (const fault of FAULTS) {
    test(`${fault.name}: whatever was confirmed has an outcome, and nothing hangs`, async () => {
      // Ten seconds in the proof.
      const [alone, three] = await playRound(fault, { node, round: 0, workers: [1, 3], longMs: 3_000 })
      expect(alone).toMatchObject({ through: 2, throughTwice: 0 })
      expect(three).toMatchObject({ through: 6, throughTwice: 0 })
    }, 240_000)
  }
})
