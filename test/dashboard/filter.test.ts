import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { isLovageError } from '../../src/base/errors.ts'
import { compileFilter } from '../../src/dashboard/filter/compile.ts'
import { type Filter, parseFilter } from '../../src/dashboard/filter/parse.ts'
import { runQuery } from '../../src/dashboard/filter/query.ts'
import { takeEvent } from '../../src/dashboard/tasks/take-event.ts'
import { TaskTable } from '../../src/dashboard/tasks/task-table.ts'

const NOW_MS = 1_800_000_000_000

interface Told {
  readonly id: string
  readonly name: string
  readonly args: string
  readonly queue: string
  readonly end: 'succeeded' | 'failed' | undefined
  readonly ranMs: number
  readonly agoMs: number
}

/** A table with these tasks, as their events would have it. */
function tableOf(tasks: readonly Told[], maxTasks = 10_000): TaskTable {
  const table = new TaskTable({ maxTasks, maxTextBytes: 2 ** 24 })
  for (const { id, name, args, queue, end, ranMs, agoMs } of tasks) {
    const base = { hostname: 'one@here', utcoffset: 0, pid: 1, clock: 1, heardAtMs: NOW_MS - agoMs }
    const tell = (type: string, atMs: number, fields: object): void =>
      void takeEvent(table, { ...base, type, timestamp: atMs / 1000, fields: { uuid: id, ...fields } }, () => undefined)
    const startMs = NOW_MS - agoMs - ranMs
    tell('task-sent', startMs - 10, { name, args, kwargs: "{'user': 5, 'to': 'ann'}", queue })
    tell('task-received', startMs - 5, { name, args })
    tell('task-started', startMs, {})
    if (end === 'succeeded') tell('task-succeeded', startMs + ranMs, { result: '7', runtime: ranMs / 1000 })
    if (end === 'failed') tell('task-failed', startMs + ranMs, { exception: "TimeoutError('smtp.example')" })
  }
  return table
}

const TASKS: readonly Told[] = [
  { id: 'a1', name: 'mail.send', args: "(81, 'welcome')", queue: 'mail', end: 'succeeded', ranMs: 100, agoMs: 60_000 },
  { id: 'b2', name: 'mail.send', args: "(82, 'reset')", queue: 'mail', end: 'failed', ranMs: 30_000, agoMs: 5_000 },
  { id: 'c3', name: 'pdf.render', args: '()', queue: 'slow', end: undefined, ranMs: 1_000, agoMs: 1_000 },
]

describe('a filter', () => {
  const found = (text: string): string => {
    const table = tableOf(TASKS)
    const match = compileFilter(parseFilter(text), table, NOW_MS)
    return [...table.snapshot()]
      .filter(match)
      .map((slot) => table.columns.id[slot] as string)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join(' ')
  }

  it.each([
    ['', 'a1 b2 c3'],
    ['state:FAILURE', 'b2'],
    ['state:failure', 'b2'],
    ['name:mail', 'a1 b2'],
    ['name:"mail"', ''],
    ['name:"mail.send"', 'a1 b2'],
    ['name:*.render', 'c3'],
    ['name:m*s*d', 'a1 b2'],
    ['queue:slow', 'c3'],
    ['worker:ONE@*', 'a1 b2 c3'],
    ['args:welcome', 'a1'],
    ["args:'reset'", 'b2'],
    ['kwargs:user=5', 'a1 b2 c3'],
    ['kwargs:to=ann', 'a1 b2 c3'],
    ['kwargs:user=6', ''],
    ['error:timeout', 'b2'],
    ['result:7', 'a1'],
    ['id:c', 'c3'],
    ['smtp', 'b2'],
    ['SMTP.example', 'b2'],
    ['"smtp.Example"', ''],
    ['http://nowhere', ''],
    ['runtime>2s', 'b2'],
    ['runtime<=100ms', 'a1'],
    ['wait>9ms', 'a1 b2 c3'],
    ['wait<5', 'a1 b2 c3'],
    ['retries>0', ''],
    ['retries>=0', 'a1 b2 c3'],
    ['older:30s', 'a1'],
    ['newer:30s', 'b2 c3'],
    ['queue:mail state:SUCCESS', 'a1'],
    ['queue:mail AND state:SUCCESS', 'a1'],
    ['state:SUCCESS OR queue:slow', 'a1 c3'],
    ['-queue:mail', 'c3'],
    ['NOT (state:SUCCESS OR queue:slow)', 'b2'],
    ['queue:mail -(state:SUCCESS)', 'b2'],
    ['state:SUCCESS OR state:FAILURE queue:mail', 'a1 b2'],
    ['.*', ''],
    ['[a-z]', ''],
  ])('%s finds %s', (text, ids) => {
    expect(found(text)).toBe(ids)
  })

  it.each([
    ['state:', 6],
    ['colour:red', 0],
    ['queue:mail (state:SUCCESS', 11],
    ['state:SUCCESS)', 13],
    ['name:"mail', 5],
    ['runtime:2', 0],
    ['name>2', 0],
    ['runtime>soon', 8],
    ['older:tomorrow', 6],
    ['retries>1.5', 8],
    ['a OR', 4],
    ['AND a', 3],
    ['()', 1],
    ['NOT', 3],
    ['-', 1],
    ['x'.repeat(2001), 2000],
    [`${'('.repeat(22)}a${')'.repeat(22)}`, 21],
    [`${'-'.repeat(30)}a`, 21],
    [Array.from({ length: 101 }, () => 'a').join(' '), 200],
  ])('%s is refused at %i', (text, at) => {
    try {
      parseFilter(text)
    } catch (error) {
      expect(isLovageError(error, 'FILTER_INVALID') && error.details['at']).toBe(at)
      return
    }
    throw new Error('it was taken')
  })
})

const term: fc.Arbitrary<{ text: string; filter: Filter }> = fc.oneof(
  fc
    .tuple(fc.constantFrom('name', 'queue', 'args', 'error', 'id', 'state'), fc.stringMatching(/^[a-z0-9]{1,4}$/))
    .map(([field, text]) => ({
      text: `${field}:${text}`,
      filter: { kind: 'text', field, text, isQuoted: false } as Filter,
    })),
  fc.string({ minLength: 1, maxLength: 6 }).map((text) => ({
    text: `"${text.replaceAll(/[\\"]/g, String.raw`\$&`)}"`,
    filter: { kind: 'text', field: 'any', text, isQuoted: true } as Filter,
  })),
)

const tree: fc.Arbitrary<{ text: string; filter: Filter }> = fc.letrec<{ tree: { text: string; filter: Filter } }>(
  (tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      term,
      tie('tree').map(({ text, filter }) => ({ text: `NOT (${text})`, filter: { kind: 'not', of: filter } as Filter })),
      fc.tuple(tie('tree'), tie('tree')).map(([one, other]) => ({
        text: `(${one.text}) (${other.text})`,
        filter: { kind: 'and', of: [one.filter, other.filter] } as Filter,
      })),
      fc.tuple(tie('tree'), tie('tree')).map(([one, other]) => ({
        text: `(${one.text}) OR (${other.text})`,
        filter: { kind: 'or', of: [one.filter, other.filter] } as Filter,
      })),
    ),
  }),
).tree

test('what is written of a filter is what is read of it', () => {
  fc.assert(
    fc.property(tree, ({ text, filter }) => {
      expect(parseFilter(text)).toEqual(filter)
    }),
  )
})

test('any text is a filter, or is refused with its place in it', () => {
  const letters = fc.string({
    unit: fc.constantFrom('a', ':', '(', ')', '"', '-', ' ', '\\', '>', 'OR', 'NOT', 'state'),
  })
  fc.assert(
    fc.property(fc.oneof(letters, fc.string()), (text) => {
      try {
        parseFilter(text)
      } catch (error) {
        expect(isLovageError(error, 'FILTER_INVALID')).toBe(true)
        const { at } = (error as { details: { at: number } }).details
        expect(at >= 0 && at <= text.length).toBe(true)
      }
    }),
  )
})

test('a query counts what it finds, page by page, whatever is held', async () => {
  const told = fc.record({
    name: fc.constantFrom('mail.send', 'pdf.render', 'order.place'),
    queue: fc.constantFrom('mail', 'slow'),
    args: fc.constantFrom('()', '(1, 2)'),
    end: fc.constantFrom('succeeded' as const, 'failed' as const, undefined),
    ranMs: fc.nat(1000),
    agoMs: fc.nat(100_000),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(told, { maxLength: 60 }),
      tree,
      fc.integer({ min: 1, max: 20 }),
      async (all, ask, limit) => {
        const table = tableOf(all.map((each, index) => ({ ...each, id: `id-${index}` })))
        const match = compileFilter(ask.filter, table, NOW_MS)
        const wanted = [...table.snapshot()].filter(match).map((slot) => table.columns.id[slot])
        const found: string[] = []
        let before: number | undefined
        for (;;) {
          const query = { filter: ask.filter, limit, facets: true, before }
          const page = await runQuery(table, query, systemClock)
          expect([page.matching, page.held]).toEqual([wanted.length, all.length])
          const states = page.facets?.state.reduce((sum, { count }) => sum + count, 0)
          const bars = page.histogram?.counts.reduce((sum, count) => sum + count, 0)
          expect([states, bars]).toEqual([wanted.length, wanted.length])
          found.push(...page.rows.map(({ id }) => id))
          if (page.before === null) break
          before = Number(page.before)
        }
        expect(found).toEqual(wanted)
      },
    ),
    { numRuns: 50 },
  )
})
