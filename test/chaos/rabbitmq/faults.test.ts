import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith, RabbitmqNode } from '../../services/rabbitmq.ts'
import { FAULTS } from './faults.ts'
import { FAST_TICK, playRound } from './round.ts'

describeWith(['rabbitmq'], 'one worker and three, under load, and a RabbitMQ that is hurt', () => {
  let node: RabbitmqNode
  beforeAll(async () => {
    node = await RabbitmqNode.start({ advanced: FAST_TICK })
  }, 240_000)
  afterAll(() => node.remove())

  for (const fault of FAULTS) {
    test(`${fault.name}: whatever was confirmed has an outcome, and nothing hangs`, async () => {
      // Ten seconds in the proof; three are enough for two heartbeats to be missed.
      const [alone, three] = await playRound(fault, { node, round: 0, workers: [1, 3], longMs: 3_000 })
      expect(alone).toMatchObject({ through: 2, throughTwice: 0 })
      expect(three).toMatchObject({ through: 6 })
    }, 240_000)
  }
})
