import { describe, expect, test } from 'vitest'
import { simulate } from '../../src/testing/testing.ts'
import { canvasesOn } from './canvases.ts'

const SCHEDULES = { amqp: 120, redis: 40, embedded: 60, memory: 120 } as const
const LONG = { timeout: 600_000 }

describe.each(['amqp', 'redis', 'embedded', 'memory'] as const)('random canvases in the simulator, on %s', (broker) => {
  const schedules = SCHEDULES[broker]

  test('come to what the plain evaluator says, whatever dies; nothing runs under two ids', LONG, async () => {
    const { tasks, starts } = await simulate({ ...canvasesOn(broker), seed: 1, schedules })
    expect(starts).toBeGreaterThan(tasks / 2)
  })

  test('run each task once where nothing goes wrong', LONG, async () => {
    const { tasks } = await simulate({ ...canvasesOn(broker, { isCalm: true }), seed: 1, schedules: schedules / 2 })
    expect(tasks).toBeGreaterThan(schedules)
  })
})

test.each([642, 422, 1060])(
  'random canvases on amqp hold with seed %i, which has found a fault',
  LONG,
  async (seed) => {
    expect((await simulate({ ...canvasesOn('amqp'), seed, schedules: 1 })).tasks).toBeGreaterThan(5)
  },
)
