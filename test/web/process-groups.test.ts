import { describe, expect, it } from 'vitest'
import { nameOf, sectionsOf, stretchesOf, UNREACHABLE, type View } from '../../web/pages/process-groups.ts'
import { processes } from './process-facts.ts'

const NOW = Date.UTC(2026, 10, 21, 14)
const list = processes(NOW)

const keysOf = (view: View, filter = ''): string[] => sectionsOf(list, view, filter).map(({ key }) => key)
const idsOf = (filter: string): string[] =>
  sectionsOf(list, 'host', filter).flatMap(({ entries }) => entries.map(({ id }) => id))

describe('processes in sections', () => {
  it('stand by group, over all hosts that have some of it', () => {
    expect(keysOf('group')).toEqual(['backup', 'beat', 'gateway', 'gpu', 'mail', 'tools'])
    const mail = sectionsOf(list, 'group', '').find(({ key }) => key === 'mail')
    expect(mail).toMatchObject({
      hosts: 4,
      states: [
        ['FATAL', 1],
        [UNREACHABLE, 6],
        ['RUNNING', 23],
      ],
    })
  })
  it('stand by host, also those that have none, and say which does not answer', () => {
    expect(sectionsOf({ ...list, processes: [] }, 'host', '').map(({ key }) => key)).toHaveLength(list.hosts.length)
    const gone = sectionsOf(list, 'host', '').find(({ key }) => key === 'web-07')
    expect(gone?.gone?.why).toMatch('ECONNREFUSED')
    expect(gone?.entries.every(({ state }) => state === UNREACHABLE)).toBe(true)
  })
  it('stand by state, the worst first', () => {
    expect(keysOf('state')).toEqual([
      'FATAL',
      'BACKOFF',
      UNREACHABLE,
      'STOPPING',
      'STARTING',
      'EXITED',
      'STOPPED',
      'RUNNING',
    ])
  })
  it('lose none and repeat none, however they are divided', () => {
    for (const view of ['group', 'host', 'state'] as const) {
      const ids = sectionsOf(list, view, '').flatMap(({ entries }) => entries.map(({ id }) => id))
      expect(new Set(ids).size).toBe(list.processes.length)
      expect(ids).toHaveLength(list.processes.length)
    }
  })
})

describe('the filter of processes', () => {
  it.each([
    ['state:fatal', ['web-02:mail:mail_03']],
    ['beat', ['web-01:beat:beat']],
    ['host:web-0* gate*', ['web-01:gateway:gateway', 'web-02:gateway:gateway', 'web-03:gateway:gateway']],
    ['mail:*_00 host:web-01', ['web-01:mail:mail_00']],
    ['tag:gpu state:running', ['ml-01:gpu:gpu_00', 'ml-01:gpu:gpu_01', 'ml-01:gpu:gpu_03']],
    ['group:tools name:migrate', ['web-03:tools:migrate']],
    ['mail* state:nothing', []],
  ])('%s', (filter, ids) => {
    expect(idsOf(filter)).toEqual(ids)
  })
  it('takes a long row of stars in no time', () => {
    expect(idsOf(`${'*a'.repeat(2_000)}*`)).toEqual([])
  })
})

describe('a ribbon of states', () => {
  const at = (hours: number): number => NOW - hours * 3_600_000
  it('begins where something is known, and ends now', () => {
    const history = [
      { atMs: at(30), state: 'RUNNING' },
      { atMs: at(5), state: 'BACKOFF' },
      { atMs: at(4), state: 'FATAL' },
    ]
    expect(stretchesOf(history, at(24), NOW)).toEqual([
      { fromMs: at(24), toMs: at(5), state: 'RUNNING' },
      { fromMs: at(5), toMs: at(4), state: 'BACKOFF' },
      { fromMs: at(4), toMs: NOW, state: 'FATAL' },
    ])
    expect(stretchesOf([{ atMs: at(2), state: 'RUNNING' }], at(24), NOW)).toEqual([
      { fromMs: at(2), toMs: NOW, state: 'RUNNING' },
    ])
    expect(stretchesOf([], at(24), NOW)).toEqual([])
  })
})

it('a process is called as supervisord calls it', () => {
  expect(list.processes.map(nameOf)).toContain('mail:mail_03')
  expect(list.processes.map(nameOf)).toContain('beat')
})
