import type { LogPiece } from '../../src/dashboard/action-api.ts'
import type { ProcessList, ProcessRow } from '../../src/dashboard/api.ts'
import { drawing, HARMFUL } from './task-facts.ts'

const HOUR = 3_600_000

/** Six hosts, one of which has not answered for three minutes; 41 processes in five groups. */
export function processes(now: number): ProcessList {
  const random = drawing(23)
  const gone = { sinceMs: now - 190_000, why: 'connect ECONNREFUSED 10.0.0.17:9001' }
  const rows: ProcessRow[] = []
  const add = (host: string, group: string, name: string, state: string, given: Partial<ProcessRow> = {}): void => {
    const isUp = state === 'RUNNING'
    const startMs = now - Math.floor((0.2 + random()) * 90 * HOUR)
    const pid = isUp ? 1_000 + Math.floor(random() * 30_000) : null
    rows.push({
      host,
      group,
      name,
      state,
      pid,
      startMs,
      stopMs: isUp ? null : now - Math.floor(random() * 5 * HOUR),
      exitStatus: isUp ? null : 0,
      error: null,
      description: isUp ? `pid ${pid}, uptime 3 days, 4:11:09` : 'Nov 21 02:00 AM',
      history: [{ atMs: now - 24 * HOUR, state }],
      ...given,
    })
  }
  const restarts = (...hours: number[]) => [
    { atMs: now - 24 * HOUR, state: 'RUNNING' },
    ...hours.flatMap((hour) => [
      { atMs: now - hour * HOUR, state: 'STOPPING' },
      { atMs: now - hour * HOUR + 60_000, state: 'STARTING' },
      { atMs: now - hour * HOUR + 120_000, state: 'RUNNING' },
    ]),
  ]
  for (const host of ['web-01', 'web-02', 'web-03']) {
    for (let index = 0; index < 8; index++) {
      const name = `mail_0${index}`
      if (host === 'web-02' && index === 3) {
        add(host, 'mail', name, 'FATAL', {
          error: 'Exited too quickly (process log may have details)',
          description: 'Exited too quickly (process log may have details)',
          exitStatus: 1,
          history: [
            ...restarts(9),
            { atMs: now - 3.2 * HOUR, state: 'BACKOFF' },
            { atMs: now - 3 * HOUR, state: 'STARTING' },
            { atMs: now - 2.8 * HOUR, state: 'BACKOFF' },
            { atMs: now - 2.5 * HOUR, state: 'FATAL' },
          ],
        })
      } else add(host, 'mail', name, 'RUNNING', { history: restarts(9 - index * 0.05) })
    }
    add(host, 'gateway', 'gateway', 'RUNNING', { history: restarts(20, 9) })
  }
  add('web-01', 'beat', 'beat', 'RUNNING')
  for (let index = 0; index < 4; index++) {
    add(
      'ml-01',
      'gpu',
      `gpu_0${index}`,
      index === 2 ? 'BACKOFF' : 'RUNNING',
      index === 2
        ? {
            error: 'cannot allocate memory',
            description: 'cannot allocate memory',
            history: [...restarts(), { atMs: now - 90_000, state: 'BACKOFF' }],
          }
        : {},
    )
  }
  for (let index = 0; index < 6; index++) {
    add('web-07', 'mail', `mail_0${index}`, 'RUNNING', {
      history: [...restarts(9), { atMs: gone.sinceMs, state: 'UNKNOWN' }],
    })
  }
  add('web-03', 'tools', 'migrate', 'EXITED', {
    history: [
      { atMs: now - 6 * HOUR, state: 'RUNNING' },
      { atMs: now - 5.6 * HOUR, state: 'EXITED' },
    ],
  })
  add('web-03', 'tools', HARMFUL, 'STOPPED', {
    history: [
      { atMs: now - 24 * HOUR, state: 'RUNNING' },
      { atMs: now - 7 * HOUR, state: 'STOPPED' },
    ],
  })
  add('db-01', 'backup', 'backup', 'STOPPING', { history: [...restarts(), { atMs: now - 4_000, state: 'STOPPING' }] })
  add('db-01', 'backup', 'vacuum', 'STARTING', { history: [{ atMs: now - 2_000, state: 'STARTING' }] })
  return {
    asOfMs: now - 600,
    hosts: [
      { name: 'web-01', tags: ['web'] },
      { name: 'web-02', tags: ['web'] },
      { name: 'web-03', tags: ['web'] },
      { name: 'web-07', tags: ['web'], unreachable: gone },
      { name: 'ml-01', tags: ['gpu'] },
      { name: 'db-01', tags: [] },
    ],
    processes: rows,
  }
}

/** The end of a log, with colours and with what must not become markup. */
const LOG = [
  '2026-11-21 14:02:09,114 \u001b[32mINFO\u001b[0m worker ready, 8 slots',
  '2026-11-21 14:02:10,300 \u001b[33mWARN\u001b[0m smtp.example answers slowly (4.2 s)',
  '2026-11-21 14:02:11,020 \u001b[1;31mERROR\u001b[0m sqlite3.OperationalError: no such table: outbox',
  `2026-11-21 14:02:11,021 INFO args ${HARMFUL}`,
  '',
].join('\n')

/** What `GET processes/log` answers: all of it at first, then what has come since, which is nothing. */
export function log(params: URLSearchParams): LogPiece {
  const text = params.get('channel') === 'stderr' ? LOG.replaceAll('INFO', 'NOTE') : LOG
  return { text: params.has('offset') ? '' : text, open: '', offset: text.length, overflow: false }
}
