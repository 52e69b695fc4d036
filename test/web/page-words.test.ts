import { describe, expect, it } from 'vitest'
import { ACTION_ROLES } from '../../src/dashboard/action-api.ts'
import type { TaskRow } from '../../src/dashboard/api.ts'
import { furtherTicks } from '../../web/pages/coming-ticks.ts'
import { KnownRows, MOST_FRESH, PAGE } from '../../web/pages/known-rows.ts'
import { EMPTY_LOG, grown, MOST_LINES, painter, plain } from '../../web/pages/log-lines.ts'
import { drainWords, waited } from '../../web/pages/queue-waits.ts'
import { inWords } from '../../web/pages/schedule-words.ts'
import { narrowed, toggleWord } from '../../web/pages/task-filter.ts'
import { FOR_ADMINS } from '../../web/parts/action-roles.ts'

it('pages offer to admins alone what the server lets them alone do', () => {
  const admins = Object.entries(ACTION_ROLES).filter(([, role]) => role === 'admin')
  expect(FOR_ADMINS.toSorted()).toEqual(admins.map(([name]) => name).toSorted())
})

describe('a schedule in words', () => {
  it.each([
    ['30 2 * * mon-fri', 'At 02:30, Monday through Friday'],
    ['*/10 * * * *', 'Every 10 minutes'],
    ['every 15m', 'Every 15 minutes'],
    ['every 1h', 'Every hour'],
    ['sunset at 31.23, 121.47', null],
    ['never', null],
    ['61 99 * * *', null],
  ])('%s', async (schedule, words) => {
    expect(await inWords(schedule)).toBe(words)
  })
})

describe('how long tasks waited', () => {
  const bounds = [10, 100, 1_000]
  it('is the bound below which that share of them fell', () => {
    expect(waited([50, 45, 5, 0], bounds, 0.5)).toBe(10)
    expect(waited([50, 45, 5, 0], bounds, 0.95)).toBe(100)
    expect(waited([0, 0, 0, 9], bounds, 0.5)).toBe(1_000)
    expect(waited([0, 0, 0, 0], bounds, 0.5)).toBeNull()
  })
  it.each([
    [{ ready: 0, inRate: 3, outRate: 1, drainMs: null }, 'empty', false],
    [{ ready: 40, inRate: 3, outRate: 9, drainMs: 58_000 }, '58000', false],
    [{ ready: 40, inRate: 3, outRate: 99, drainMs: 60 }, 'now', false],
    [{ ready: 40, inRate: 43, outRate: 31, drainMs: null }, 'never (+12/s)', true],
    [{ ready: 6, inRate: 5.9, outRate: 5.8, drainMs: null }, 'steady', false],
    [{ ready: 600, inRate: 5.9, outRate: 5.8, drainMs: null }, 'never (+0.1/s)', true],
    [{ ready: 40, inRate: 0, outRate: 0, drainMs: null }, 'stands still', true],
    [{ ready: null, inRate: 0, outRate: 0, drainMs: null }, '–', false],
  ])('and when the queue %o is empty', (queue, text, isBad) => {
    expect(drainWords(queue, String)).toEqual({ text, isBad })
  })
})

describe('a log', () => {
  it('grows by lines, of which the last may not be ended', () => {
    let log = EMPTY_LOG
    for (const [text, open] of [
      ['one\n', 'tw'],
      ['', 'two '],
      ['two\n\nthree\n', ''],
      ['', 'four'],
    ] as const) {
      log = grown(log, text, open)
    }
    expect(log).toEqual({ lines: ['one', 'two', '', 'three'], open: 'four', dropped: 0 })
  })
  it('keeps its end, and says how much it has let go', () => {
    const log = grown(grown(EMPTY_LOG, 'first\n', ''), 'x\n'.repeat(MOST_LINES + 9), '')
    expect(log.lines).toHaveLength(MOST_LINES)
    expect(log.dropped).toBe(10)
  })
  it('cuts a line that would fill the page', () => {
    const long = 'x'.repeat(100_000)
    const { lines, open } = grown(EMPTY_LOG, `${long}\n`, long)
    for (const line of [...lines, open]) expect(line.length).toBeLessThan(5_000)
  })
  it('is read in its colours, and without where there is no reader yet', async () => {
    const line = '14:02 \u001b[1;31mERROR\u001b[0m <b>no</b> \u001b[2Jtable'
    expect(plain(line)).toEqual([{ text: '14:02 ERROR <b>no</b> table', look: '' }])
    const paint = await painter()
    const runs = paint(line)
    expect(runs.map(({ text }) => text).join('')).toBe('14:02 ERROR <b>no</b> table')
    expect(runs.find(({ text }) => text === 'ERROR')?.look).toBe('ansi-red ansi-bold')
  })
})

describe('a filter with OR', () => {
  it('is narrowed as a whole', () => {
    expect(narrowed('mail OR sms', 1_000, 9_500, 10_000)).toBe('(mail OR sms) newer:9s')
    expect(narrowed('(mail OR sms) newer:9s', 5_000, 9_500, 10_000)).toBe('(mail OR sms) newer:5s')
    expect(toggleWord('a OR b', 'state', 'FAILURE')).toBe('(a OR b) state:FAILURE')
    expect(toggleWord('(a OR b) state:FAILURE', 'state', 'FAILURE')).toBe('(a OR b)')
    expect(toggleWord('state:RETRY OR state:FAILURE', 'state', 'RETRY')).toBe(
      '(state:RETRY OR state:FAILURE) state:RETRY',
    )
    expect(toggleWord('(queue:mail OR state:RETRY ) state:FAILURE', 'state', 'STARTED')).toBe(
      '(queue:mail OR state:RETRY ) state:STARTED',
    )
    expect(toggleWord('mail AND state:RETRY', 'state', 'FAILURE')).toBe('mail AND state:RETRY state:FAILURE')
    expect(narrowed('newer:1h OR mail', 1_000, 9_500, 10_000)).toBe('(newer:1h OR mail) newer:9s')
    expect(toggleWord('name:"( OR" b', 'state', 'FAILURE')).toBe('name:"( OR" b state:FAILURE')
  })
})

describe('the ticks that are not told any more', () => {
  const coming = Array.from({ length: 300 }, (_, nth) => 100 + nth * 100)
  const countOf = (schedule: string, ticks: readonly number[]): number =>
    furtherTicks(schedule, ticks, 86_400_050, 1_080_000).reduce((sum, { count }) => sum + count, 0)

  it('go on to the end, each counted once, in no more steps than can be shown', () => {
    expect(countOf('every 100ms', coming)).toBe(864_000 - 300)
    expect(furtherTicks('every 100ms', coming, 86_400_050, 1_080_000)).toHaveLength(80)
  })
  it('are none where nothing says when they come', () => {
    expect(countOf('* * * * *', coming)).toBe(0)
    expect(countOf('every 100ms', coming.slice(1))).toBe(0)
    expect(
      countOf(
        'every 100ms',
        Array.from(coming, () => 100),
      ),
    ).toBe(0)
  })
})

describe('the rows of the list', () => {
  const pageAt = (from: number, count = PAGE): TaskRow[] =>
    Array.from({ length: count }, (_, nth) => ({ id: `t${from - nth}`, updatedMs: from - nth }) as TaskRow)

  it('are no more than there were asked for, however many go by', () => {
    const known = new KnownRows('')
    for (let nowMs = 1_000; nowMs < 20_000; nowMs += 90) known.take(pageAt(nowMs))
    expect(known.byId.size).toBe(PAGE)
    const newest = known.sorted()[0]?.updatedMs ?? 0
    known.add(pageAt(newest - PAGE), 'older')
    known.take(pageAt(newest))
    expect(known.byId.size).toBe(2 * PAGE)
    for (let nowMs = newest; nowMs < newest + 20_000; nowMs += 90) {
      known.take(pageAt(nowMs))
      expect(known.byId.size).toBeLessThanOrEqual(3 * PAGE)
    }
    expect(known.cursor).toBeUndefined()
  })

  it('stay while they are held, and of those that come meanwhile the newest are kept', () => {
    const known = new KnownRows('')
    known.take(pageAt(1_000))
    const held = new Set(known.byId.keys())
    for (let nowMs = 1_100; nowMs < 9_000; nowMs += 100) known.take(pageAt(nowMs), held)
    expect(known.byId.size).toBe(PAGE + MOST_FRESH)
    expect([...held].every((id) => known.byId.has(id))).toBe(true)
  })
})
