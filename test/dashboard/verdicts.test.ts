import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { compileFilter } from '../../src/dashboard/filter/compile.ts'
import { Counts } from '../../src/dashboard/filter/counts.ts'
import { parseFilter } from '../../src/dashboard/filter/parse.ts'
import { runQuery } from '../../src/dashboard/filter/query.ts'
import { restoreRecord } from '../../src/dashboard/history/task-record.ts'
import { takeEvent } from '../../src/dashboard/tasks/take-event.ts'
import { detailOf } from '../../src/dashboard/tasks/task-rows.ts'
import { TaskTable } from '../../src/dashboard/tasks/task-table.ts'

const FILTERS = [
  '',
  'state:SUCCESS',
  'mail',
  'name:mail* -state:FAILURE',
  'args:*2*',
  'newer:1h mail',
  '-older:1h OR queue:slow',
]

function tell(table: TaskTable, id: string, type: string, fields: object = {}): void {
  const nowMs = systemClock.now()
  const base = { hostname: 'one@here', utcoffset: 0, pid: 1, clock: 1, heardAtMs: nowMs, timestamp: nowMs / 1000 }
  takeEvent(table, { ...base, type, fields: { uuid: id, ...fields } }, () => undefined)
}

/** What a step may do: a task is heard of, or one of another run comes back. */
const step = fc.record({
  kind: fc.constantFrom('sent', 'started', 'succeeded', 'failed', 'restored'),
  id: fc.integer({ min: 0, max: 12 }).map((number) => `t${number}`),
  name: fc.constantFrom('mail.send', 'mail.read', 'pdf.render'),
  queue: fc.constantFrom('mail', 'slow'),
  args: fc.constantFrom('(1,)', '(2,)', '(32, 5)'),
})

describe('what a filter has found before', () => {
  test('asked again, it finds what it would if it had never been asked', async () => {
    const looks = fc.array(fc.tuple(fc.array(step, { maxLength: 6 }), fc.constantFrom(...FILTERS)), { maxLength: 25 })
    await fc.assert(
      fc.asyncProperty(looks, async (all) => {
        const table = new TaskTable({ maxTasks: 8, maxTextBytes: 2 ** 20 })
        for (const [steps, text] of all) {
          for (const { kind, id, ...about } of steps) {
            if (kind === 'restored') restoreRecord(table, JSON.stringify({ id, state: 'SUCCESS', ...about }))
            else tell(table, id, `task-${kind}`, kind === 'sent' ? about : {})
          }
          const filter = parseFilter(text)
          const { rows, matching, facets } = await runQuery(table, { filter, limit: 100, facets: true }, systemClock)
          const match = compileFilter(filter, table, systemClock.now())
          const wanted = [...table.snapshot()].filter(match).map((slot) => table.columns.id[slot])
          expect(rows.map(({ id }) => id)).toEqual(wanted)
          expect(matching).toBe(wanted.length)
          for (const { value, count } of facets?.name ?? []) {
            expect(rows.filter(({ name }) => name === value)).toHaveLength(count)
          }
          expect(facets?.state.reduce((sum, { count }) => sum + count, 0)).toBe(wanted.length)
        }
      }),
      { numRuns: 60 },
    )
  })
})

it('counts names that have come since it gave the loop back', () => {
  const table = new TaskTable({ maxTasks: 8, maxTextBytes: 2 ** 20 })
  tell(table, 'a', 'task-sent', { name: 'mail.send' })
  const counts = new Counts(table, 0, systemClock.now())
  counts.add(table.snapshot(), 1)
  counts.pause()
  tell(table, 'b', 'task-sent', { name: 'pdf.render' })
  counts.add(table.snapshot(), 2)
  expect(counts.facets().name).toEqual([
    { value: 'mail.send', count: 2 },
    { value: 'pdf.render', count: 1 },
  ])
})

describe('the family of a task', () => {
  it('is its root and those that have it in common, the newest first', () => {
    const table = new TaskTable({ maxTasks: 4, maxTextBytes: 2 ** 20 })
    const family = (): string[] => {
      const slot = table.find('b') as number
      return detailOf(table, slot).family.map(({ id }) => id)
    }
    tell(table, 'root', 'task-sent')
    for (const id of ['a', 'b', 'c']) tell(table, id, 'task-sent', { root_id: 'root', parent_id: 'root' })
    expect(family()).toEqual(['root', 'c', 'b', 'a'])
    tell(table, 'a', 'task-started')
    expect(family()).toEqual(['root', 'a', 'c', 'b'])
  })

  it('forgets who is let go of, and who has another root by now', () => {
    const table = new TaskTable({ maxTasks: 4, maxTextBytes: 2 ** 20 })
    for (const id of ['a', 'b', 'c', 'd']) tell(table, id, 'task-sent', { root_id: 'root' })
    tell(table, 'c', 'task-sent', { root_id: 'other' })
    expect(table.kinOf('root', 10).map((slot) => table.columns.id[slot])).toEqual(['d', 'b', 'a'])
    tell(table, 'e', 'task-sent', { root_id: 'root' })
    tell(table, 'f', 'task-sent')
    expect(table.kinOf('root', 10).map((slot) => table.columns.id[slot])).toEqual(['e', 'd'])
    expect(table.kinOf('other', 10).map((slot) => table.columns.id[slot])).toEqual(['c'])
    for (const id of ['g', 'h', 'i', 'j']) tell(table, id, 'task-sent')
    expect(table.kinOf('root', 10)).toEqual([])
  })
})
