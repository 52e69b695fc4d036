import { describe, expect, test } from 'vitest'
import { isLovageError } from '../../src/base/errors.ts'
import { simulate, traceOf } from '../../src/testing/testing.ts'
import { LATER, PLANTED_LATER, PLANTED_WAITING, WAITING } from './later.ts'
import { PLANTED } from './planted-bugs.ts'
import { PLANTED_LATER_SCRIPTS, PLANTED_SCRIPTS } from './planted-scripts.ts'
import { KILLERS, SHOP } from './trade.ts'

const SCHEDULES = 1_600
const REDIS_SCHEDULES = 250
const LATER_SCHEDULES = 120
/** Faults that only a Redis has. */
const OF_REDIS = ['pause', 'demote']
const LONG = { timeout: 600_000 }

describe(`${SCHEDULES} schedules of faults over both brokers`, () => {
  test('lose nothing, invent nothing, repeat nothing that is over, and hang nowhere', LONG, async () => {
    const { tasks, starts, faults } = await simulate({ ...SHOP, seed: 1, schedules: SCHEDULES })
    expect(tasks).toBeGreaterThan(5 * SCHEDULES)
    // What died was run again.
    expect(starts).toBeGreaterThan(tasks)
    for (const [fault, count] of Object.entries(faults)) {
      if (!OF_REDIS.includes(fault)) expect([fault, count > 20]).toEqual([fault, true])
    }
  })

  test.each(Object.entries(PLANTED))('find a system that %s', LONG, async (_name, wrap) => {
    const found = await simulate({ ...SHOP, wrap, seed: 1, schedules: SCHEDULES }).catch((error: unknown) => error)
    if (!isLovageError(found, 'SIMULATION_FAILED')) throw found
    const { seed, problem } = found.details
    expect(found.message).toContain(`seed ${String(seed)} `)
    expect(found.message).toContain('BROKEN')
    // The seed repeats it.
    const again = simulate({ ...SHOP, wrap, seed: Number(seed), schedules: 1 })
    await expect(again).rejects.toMatchObject({ details: { seed, problem } })
  })
})

test(
  'tasks that kill their workers end after maxDeliveries, and take none of their neighbours with them',
  LONG,
  async () => {
    const { starts, tasks } = await simulate({ ...KILLERS, seed: 1, schedules: 100 })
    expect(starts).toBeGreaterThan(tasks)
  },
)

describe(`${REDIS_SCHEDULES} schedules over Redis, whose scripts are those that we send`, () => {
  const REDIS = { ...SHOP, brokers: ['redis'] as const, seed: 1, schedules: REDIS_SCHEDULES }

  test('lose nothing, invent nothing, repeat nothing that is over, and hang nowhere', LONG, async () => {
    const { tasks, starts, faults } = await simulate(REDIS)
    expect(starts).toBeGreaterThan(tasks)
    for (const fault of ['cut', 'restart', 'pause', 'demote'] as const) expect(faults[fault]).toBeGreaterThan(20)
  })

  test.each(Object.entries(PLANTED_SCRIPTS))('find a system that %s', LONG, async (_name, plant) => {
    const takeBack = plant()
    try {
      const found = await simulate(REDIS).catch((error: unknown) => error)
      if (!isLovageError(found, 'SIMULATION_FAILED')) throw found
      expect(found.message).toContain('BROKEN')
    } finally {
      takeBack()
    }
  })
})

test(
  'schedules over the durable engine, whose owners die with a disk that loses what it may, lose nothing',
  LONG,
  async () => {
    const { tasks, starts } = await simulate({ ...SHOP, brokers: ['embedded'], seed: 1, schedules: 250 })
    expect(starts).toBeGreaterThan(tasks)
  },
)

describe(`${LATER_SCHEDULES} schedules of tasks for later, whose movers and brokers die, over all brokers`, () => {
  const schedules = LATER_SCHEDULES
  const BROKERS = ['memory', 'embedded', 'redis', 'amqp'] as const

  test('run each, and none before its time', LONG, async () => {
    const { tasks, starts, faults } = await simulate({ ...LATER, brokers: BROKERS, seed: 1, schedules })
    expect(tasks).toBeGreaterThan(3 * schedules)
    expect(starts).toBeGreaterThan(tasks)
    expect(faults.restart).toBeGreaterThan(10)
  })

  test('run once where they wait while all die', LONG, async () => {
    const { tasks, starts } = await simulate({ ...WAITING, brokers: BROKERS, seed: 1, schedules })
    expect(starts).toBeGreaterThanOrEqual(tasks)
  })

  test.each(Object.entries(PLANTED_WAITING))('find a system that %s', LONG, async (_name, wrap) => {
    const found = simulate({ ...WAITING, wrap, brokers: BROKERS, seed: 1, schedules })
    await expect(found).rejects.toThrow('BROKEN')
  })

  test.each(Object.entries(PLANTED_LATER))('find a system that %s', LONG, async (_name, wrap) => {
    const found = simulate({ ...LATER, wrap, brokers: BROKERS, seed: 1, schedules })
    await expect(found).rejects.toThrow('BROKEN')
  })

  test.each(Object.entries(PLANTED_LATER_SCRIPTS))('find a Redis that %s', LONG, async (_name, plant) => {
    const takeBack = plant()
    try {
      const found = simulate({ ...LATER, brokers: ['redis'], seed: 1, schedules })
      await expect(found).rejects.toThrow('BROKEN')
    } finally {
      takeBack()
    }
  })
})

describe('a schedule', () => {
  test('is the same every time for the same seed, and another for another', LONG, async () => {
    for (const seed of [3, 14, 165, 1007]) {
      const first = await traceOf(SHOP, seed)
      expect(first.length).toBeGreaterThan(50)
      expect(await traceOf(SHOP, seed)).toEqual(first)
      expect(await traceOf(SHOP, seed + 2)).not.toEqual(first)
    }
  })
})
