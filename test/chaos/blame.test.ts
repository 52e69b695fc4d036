import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/seeded.ts'
import { BlameStage, faultsOf } from './blame/rounds.ts'
import type { Deed } from './blame/tasks.ts'

const TASKS = 50

// Every child translates the sources for itself.

/** What who waits is told. */
const SAID: Readonly<Record<Deed, RegExp>> = {
  exit: /process\.exit\(3\) was called by killer\[/,
  abort: /ended by SIGABRT/,
  heap: /ended by SIGABRT: .*JavaScript heap out of memory/,
  kill: /ended by SIGKILL/,
}

/** Where that can be known: the line that did it. */
const STACK: Readonly<Partial<Record<Deed, RegExp>>> = { exit: /blame\/tasks\.ts:\d+/, abort: /blame\/tasks\.ts:\d+/ }

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
    expect(round.verdict).toMatch(SAID[deed])
    expect(round.verdict).toMatch(/ before it had \d+ MiB resident, \d+ MiB of heap/)
    if (STACK[deed]) expect(round.traceback).toMatch(STACK[deed])
  })
})

describe('one task that ends its thread among 50', () => {
  test('by exit: it alone is buried', async () => {
    await using stage = await new BlameStage({ kind: 'threads', children: 2, perChild: 5 }).start()
    const round = await stage.play('exit', { tasks: TASKS, random: seededRandom(6) })
    expect(faultsOf(round, TASKS), JSON.stringify(round)).toEqual([])
    expect(round.verdict).toMatch(/the thread ended/)
  })
})
