import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { seededRandom } from '../../src/testing/seeded.ts'
import { BlameStage, faultsOf } from './blame/rounds.ts'

const TASKS = 50

// Every child translates the sources for itself.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

describe('one task that kills its process among 50', () => {
  const random = seededRandom(5)
  let stage: BlameStage
  beforeAll(async () => {
    stage = await new BlameStage({ kind: 'processes', children: 2, perChild: 5 }).start()
  })
  afterAll(() => stage?.[Symbol.asyncDispose]())

  test.for(['exit', 'abort', 'heap', 'kill'] as const)('by %s: it alone is buried', async (deed) => {
    const round = await stage.play(deed, { tasks: TASKS, random })
    expect(faultsOf(round, TASKS), JSON.stringify(round)).toEqual([])
  })
})
