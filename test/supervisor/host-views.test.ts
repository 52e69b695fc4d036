import { describe, expect, it } from 'vitest'
import { exitCodeOfView, mergeAnswers, type HostAnswer } from '../../src/supervisor/host-views.ts'
import { hostPattern, like } from '../../src/supervisor/host-names.ts'
import { gravest } from '../../src/supervisor/hosts.ts'
import type { ProcessInfo } from '../../src/supervisor/operations.ts'
import type { ProcessState } from '../../src/supervisor/states.ts'
import { sideBySide } from '../../src/supervisor/side-by-side.ts'

const info = (id: string, statename: ProcessState): ProcessInfo => {
  const [group = '', name = ''] = id.split(':')
  return { group, name, statename } as ProcessInfo
}

const ANSWERS: HostAnswer[] = [
  { host: 'b', processes: [info('web:w0', 'RUNNING'), info('mail:mail', 'FATAL')] },
  { host: 'dead', unreachable: { sinceMs: 5, why: 'connect ECONNREFUSED' } },
  { host: 'a', processes: [info('web:w0', 'RUNNING'), info('web:w1', 'STOPPED')] },
  { host: 'empty', processes: [] },
]

/** Titles, counts, and who stands there. */
const outline = (by: 'host' | 'group' | 'state'): unknown[] =>
  mergeAnswers(ANSWERS, by).sections.map(({ title, states, processes }) => [
    title,
    states,
    processes.map(({ host, group, name }) => `${host}:${group}:${name}`),
  ])

describe('answers of many hosts', () => {
  it('are merged by host, in the order of the hosts', () => {
    expect(outline('host')).toEqual([
      ['b', { RUNNING: 1, FATAL: 1 }, ['b:web:w0', 'b:mail:mail']],
      ['a', { RUNNING: 1, STOPPED: 1 }, ['a:web:w0', 'a:web:w1']],
      ['empty', {}, []],
    ])
  })

  it('are merged by group over the hosts', () => {
    expect(outline('group')).toEqual([
      ['mail', { FATAL: 1 }, ['b:mail:mail']],
      ['web', { RUNNING: 2, STOPPED: 1 }, ['b:web:w0', 'a:web:w0', 'a:web:w1']],
    ])
  })

  it('are merged by state', () => {
    expect(outline('state').map((row) => (row as unknown[])[2])).toEqual([
      ['b:mail:mail'],
      ['b:web:w0', 'a:web:w0'],
      ['a:web:w1'],
    ])
  })

  it('tell who does not answer in each view, and end as ctl does', () => {
    for (const by of ['host', 'group', 'state'] as const) {
      const view = mergeAnswers(ANSWERS, by)
      expect(view.unreachable).toEqual([{ host: 'dead', sinceMs: 5, why: 'connect ECONNREFUSED' }])
      expect(exitCodeOfView(view)).toBe(4)
    }
    const alive = ANSWERS.filter(({ unreachable }) => !unreachable)
    expect(exitCodeOfView(mergeAnswers(alive, 'host'))).toBe(3)
    expect(exitCodeOfView(mergeAnswers([], 'host'))).toBe(0)
    expect([gravest([0, 7, 1]), gravest([0, 7, 4, 1]), gravest([3, 2]), gravest([])]).toEqual([1, 4, 2, 0])
  })
})

describe('names over hosts', () => {
  it.each([
    ['cat', 'a:cat:cat', 'a:cat:other'],
    ['web:w0', 'b:web:w0', 'b:web:w1'],
    ['web:*', 'b:web:w1', 'b:mail:w1'],
    ['web:', 'b:web:w1', 'b:mail:w1'],
    ['all', 'b:mail:m', undefined],
    ['*', 'b:mail:m', undefined],
    ['w*', 'b:web:web', 'b:mail:mail'],
    ['a:web:w0', 'a:web:w0', 'b:web:w0'],
    ['*:web:w0', 'a:web:w0', 'a:web:w1'],
    ['eu-*:*:*', 'eu-1:web:w0', 'us-1:web:w0'],
    ['a:web:x:y', 'a:web:x:y', 'a:web:x'],
  ])('%s means %s and not %s', (text, yes, no) => {
    const means = (id: string): boolean => {
      const [host = '', group = '', ...name] = id.split(':')
      return hostPattern(text).matches(host, { group, name: name.join(':') })
    }
    expect([means(yes), no !== undefined && means(no)]).toEqual([true, false])
  })

  it('have stars that stand for anything, and nothing else that is special', () => {
    expect([like('a*b*c')('aXbYc'), like('a*b*c')('abXc'), like('a*b*c')('acb')]).toEqual([true, true, false])
    expect([like('ab*ba')('aba'), like('a.c')('abc'), like('*')('')]).toEqual([false, false, true])
  })
})

describe('work side by side', () => {
  it('is bounded, is told as it comes, and is not begun when nobody reads on', async () => {
    const begun: number[] = []
    const ends = new Map<number, () => void>()
    const told = sideBySide<number, number>([0, 1, 2, 3, 4], 2, async (item, tell) => {
      begun.push(item)
      await new Promise<void>((resolve) => void ends.set(item, resolve))
      tell(item)
    })
    const first = told.next()
    expect(begun).toEqual([0, 1])
    ends.get(1)?.()
    expect(await first).toEqual({ done: false, value: 1 })
    expect(begun).toEqual([0, 1, 2])
    await told.return()
    ends.get(0)?.()
    ends.get(2)?.()
    await new Promise<void>((resolve) => void setImmediate(resolve))
    expect(begun).toEqual([0, 1, 2])
  })

  it('throws what the work throws, when all that was begun is over', async () => {
    const told = sideBySide<number, number>([1], 2, () => Promise.reject(new Error('broken')))
    await expect(told.next()).rejects.toThrow('broken')
  })
})
