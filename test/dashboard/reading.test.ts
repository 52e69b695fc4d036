import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import { systemClock, sleep } from '../../src/base/clock.ts'
import type { Overview } from '../../src/dashboard/api.ts'
import type { QueueList, WorkerDetail, WorkerList } from '../../src/dashboard/api-fleet.ts'
import type { TaskDetail, TaskList, Why } from '../../src/dashboard/api-tasks.ts'
import { type Dashboard, dashboard } from '../../src/dashboard/dashboard.ts'
import { worker } from '../../src/worker/worker.ts'

/** Asks until what is answered is as wanted; a test that waits for ever has failed. */
async function until<T>(read: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read()
    if (isSo(value)) return value
    await sleep(systemClock, 20)
  }
}

describe('what the dashboard tells of a worker and its tasks', () => {
  const app = lovage('shop', { broker: 'memory://dashboard-reading', sendSentEvent: true }, { env: {} })
  const add = app.task('shop.add', (x: number, y: number) => x + y)
  const fail = app.task('shop.fail', (_who: string) => {
    throw new RangeError('out of stock')
  })
  const hands = worker(app, { events: true, hostname: 'one@here', concurrency: 4 })
  let folder: string
  let board: Dashboard
  let ids: { add: string; fail: string }

  async function get<T>(path: string, status = 200): Promise<T> {
    const response = await fetch(`${board.url}/api/v1/${path}`)
    expect(response.status).toBe(status)
    return (await response.json()) as T
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-'))
    board = dashboard(app, { port: 0, data: folder, pollInterval: '50ms' })
    await board.start()
    await hands.start()
    const [one, other] = [await add.delay(2, 3), await fail.delay('ann')]
    await Promise.allSettled([one.get({ timeout: '60s' }), other.get({ timeout: '60s' })])
    ids = { add: one.id, fail: other.id }
    await until(
      () => get<TaskList>('tasks'),
      ({ rows }) => rows.length === 2 && rows.every(({ endedMs }) => endedMs !== null),
    )
  })

  afterAll(async () => {
    await hands.stop()
    await board.stop()
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('lists tasks, the newest first, with what became of them', async () => {
    const { rows, matching, held, before } = await get<TaskList>('tasks')
    expect([matching, held, before]).toEqual([2, 2, null])
    const byId = new Map(rows.map((row) => [row.id, row]))
    expect(byId.get(ids.add)).toMatchObject({ name: 'shop.add', state: 'SUCCESS', args: '(2, 3)', worker: 'one@here' })
    expect(byId.get(ids.fail)).toMatchObject({ name: 'shop.fail', state: 'FAILURE', queue: 'celery' })
    expect(byId.get(ids.fail)?.error).toContain('out of stock')
  })

  it('goes through them page by page', async () => {
    const first = await get<TaskList>('tasks?limit=1')
    expect(first.rows).toHaveLength(1)
    const second = await get<TaskList>(`tasks?limit=1&before=${first.before}`)
    const all = await get<TaskList>('tasks')
    expect([...first.rows, ...second.rows].map(({ id }) => id)).toEqual(all.rows.map(({ id }) => id))
  })

  it('finds those that a filter names, and counts them', async () => {
    const { rows, matching, facets, histogram } = await get<TaskList>('tasks?q=state:failure%20stock&facets=1')
    expect([rows.map(({ id }) => id), matching]).toEqual([[ids.fail], 1])
    expect(facets).toEqual({
      state: [{ value: 'FAILURE', count: 1 }],
      name: [{ value: 'shop.fail', count: 1 }],
      queue: [{ value: 'celery', count: 1 }],
      worker: [{ value: 'one@here', count: 1 }],
    })
    expect(histogram?.counts.reduce((sum, count) => sum + count)).toBe(1)
  })

  it('says of a filter what is wrong, and where', async () => {
    expect(await get('tasks?q=state:SUCCESS%20(name:x', 400)).toMatchObject({ code: 'FILTER_INVALID', at: 14 })
    expect(await get('tasks?limit=0', 400)).toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('tells of one task all that is known', async () => {
    const task = await get<TaskDetail>(`tasks/${ids.fail}`)
    expect(task).toMatchObject({ exceptionType: 'ValueError', routingKey: 'celery', actions: ['retry'] })
    expect(task.traceback).toContain('out of stock')
    expect(task.events.map(({ type }) => type)).toEqual(['task-sent', 'task-received', 'task-started', 'task-failed'])
    expect(task.stretches.map(({ kind }) => kind)).toEqual(['queued', 'prefetched', 'running'])
    expect(await get('tasks/no-such-task', 404)).toMatchObject({ code: 'DASHBOARD_UNKNOWN' })
  })

  it('says why a task is not running', async () => {
    const why = await get<Why>(`tasks/${ids.add}/why`)
    expect(why.id).toBe(ids.add)
    expect(why.reasons.length).toBeGreaterThan(0)
  })

  it('tells of workers what they answer', async () => {
    const { workers } = await until(
      () => get<WorkerList>('workers'),
      (list) => list.workers[0]?.pool === 'async' && list.workers[0].loopLagMs !== null,
    )
    expect(workers).toMatchObject([
      { name: 'one@here', status: 'online', software: 'lovage', slots: 4, queues: ['celery'], succeeded: 1, failed: 1 },
    ])
    expect(workers[0]?.loopLagMs).toBeGreaterThanOrEqual(0)
    expect(workers[0]?.rssBytes).toBeGreaterThan(2 ** 20)
    const one = await get<WorkerDetail>('workers/one@here')
    expect(one.tasks.map(({ name }) => name)).toEqual(expect.arrayContaining(['shop.add', 'shop.fail']))
    expect(await get('workers/other@here', 404)).toMatchObject({ code: 'DASHBOARD_UNKNOWN' })
  })

  it('tells of queues how deep they are, and who reads them', async () => {
    const { queues } = await until(
      () => get<QueueList>('queues'),
      (list) => list.queues[0]?.workers.length === 1 && list.queues[0].ready === 0,
    )
    expect(queues).toMatchObject([{ name: 'celery', consumers: 1, workers: ['one@here'], drainMs: 0 }])
    expect(queues[0]?.waits.flat().reduce((sum, count) => sum + count)).toBe(2)
  })

  it('tells at a glance what flows, and what fails', async () => {
    const overview = await get<Overview>('overview?range=1h')
    const sum = (key: 'sent' | 'succeeded' | 'failed'): number =>
      overview.series.buckets.reduce((total, bucket) => total + bucket[key], 0)
    expect([sum('sent'), sum('succeeded'), sum('failed')]).toEqual([2, 1, 1])
    expect(overview.failing).toMatchObject([{ name: 'shop.fail', error: 'ValueError', count: 1, share: 1 }])
    expect(overview.staleBecause).toBeUndefined()
    expect(await get('overview?range=1y', 400)).toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('says why there are neither schedules nor processes', async () => {
    expect((await get<{ missing: string }>('schedules')).missing).toContain('store')
    expect((await get<{ missing: string }>('processes')).missing).toContain('--hosts')
  })

  /** Reads a stream until what has come is as wanted. */
  function stream(path: string, headers: Record<string, string>, isSo: (text: string) => boolean) {
    const { port } = new URL(board.url ?? '')
    return new Promise<string>((resolve, reject) => {
      const request = httpRequest({ port, host: '127.0.0.1', path: `/api/v1/live?${path}`, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
          if (!isSo(text)) return
          request.destroy()
          resolve(text)
        })
        response.on('end', () => reject(new Error(`the stream has ended: ${text}`)))
      })
      request.on('error', (error) => reject(error))
      request.end()
    })
  }

  const idOf = (text: string): string => /^id: (.*)$/m.exec(text)?.[1] ?? ''

  it('streams topics as they are, and again when they have changed', async () => {
    let more: PromiseLike<unknown> | undefined
    const text = await stream('topics=tasks&q=state:SUCCESS', {}, (all) => {
      if (all.includes('"matching":1')) more ??= add.delay(20, 22).get({ timeout: '60s' })
      return all.includes('"matching":2')
    })
    await more
    const events = text.split('\n\n').filter((part) => part.includes('event: tasks'))
    const lists = events.map((part) => JSON.parse(/^data: (.*)$/m.exec(part)?.[1] ?? '') as TaskList)
    expect([lists[0]?.matching, lists.at(-1)?.matching]).toEqual([1, 2])
    expect(text).toMatch(/^retry: 1000\nevent: hello\ndata: \{"version":".*","resumed":false\}/)
  })

  it('goes on where a stream was lost', async () => {
    const before = await stream('topics=gateways', {}, (all) => idOf(all) !== '')
    const after = await stream('topics=gateways,queues', { 'last-event-id': idOf(before) }, (all) =>
      all.includes('event: queues'),
    )
    expect(after).toContain('"resumed":true')
    const strange = await stream('topics=gateways', { 'last-event-id': 'other.7' }, (all) => idOf(all) !== '')
    expect(strange).toContain('"resumed":false')
  })

  it.each(['topics=', 'topics=everything', 'topics=tasks&q=(', ''])('refuses a stream of %s', async (query) => {
    expect(await get(`live?${query}`, 400)).toHaveProperty('message')
  })
})
