import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { QueueList, WorkerDetail, WorkerList } from '../../src/dashboard/api-fleet.ts'
import type { TaskDetail, TaskList } from '../../src/dashboard/api-tasks.ts'
import { type Dashboard, dashboard } from '../../src/dashboard/dashboard.ts'
import { type App, lovage } from '../../src/index.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { removeFolder, temporaryFolder } from '../services/reaper.ts'
import { PATIENT } from '../services/patience.ts'

const files = { 'celery_app.py': readFileSync(new URL('celery-app.py', import.meta.url), 'utf8') }
const LONG = { timeout: 60_000 }

describeWith(['rabbitmq', 'celery'], "the dashboard, of a worker of Python's and one of ours on RabbitMQ", () => {
  let app: App
  let python: Child
  let ours: Worker
  let board: Dashboard
  let folder: string
  let ids: { py: string; ts: string; fail: string }

  async function get<T>(path: string): Promise<T> {
    return (await (await fetch(`${board.url}/api/v1/${path}`)).json()) as T
  }
  const until = <T>(path: string, wanted: (value: T) => void): Promise<T> =>
    vi.waitFor(async () => {
      const value = await get<T>(path)
      wanted(value)
      return value
    }, LONG)
  const open = async (): Promise<void> => {
    board = dashboard(app, { port: 0, data: folder, pollInterval: '200ms' })
    await board.start()
  }

  beforeAll(async () => {
    folder = temporaryFolder('dashboard')
    const url = await brokerUrl(import.meta.url)
    app = lovage('shop', { broker: url, sendSentEvent: true, ...PATIENT }, { env: {} })
    const add = app.task('ts.add', (x: number, y: number) => x + y)
    await open()
    ours = worker(app, { events: true, hostname: 'ours@here', concurrency: 4 })
    await ours.start()
    const args = ['-m', 'celery', '-A', 'celery_app', 'worker', '-n', 'py@here', '-c', '2', '-E', '--loglevel', 'INFO']
    python = startPython(args, { files, env: { BROKER: url, BACKEND: 'rpc://', QUEUE: 'python' } })
    await python.line(/ready\./, { timeoutMs: 90_000 })
    const py = await app.sendTask('py.add', [2, 3], {}, { queue: 'python' })
    const fail = await app.sendTask('py.fail', ['value'], {}, { queue: 'python' })
    const ts = await add.delay(20, 22)
    ids = { py: py.id, ts: ts.id, fail: fail.id }
    await until<TaskList>('tasks', ({ rows }) => {
      expect(rows.map(({ state }) => state).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
        'FAILURE',
        'SUCCESS',
        'SUCCESS',
      ])
    })
  }, 300_000)

  afterAll(async () => {
    await board?.stop()
    await ours?.stop()
    await python?.stop()
    await app?.close()
    removeFolder(folder)
  })

  it('shows the tasks of both, with their queues and what became of them', async () => {
    expect(await get<TaskDetail>(`tasks/${ids.py}`)).toMatchObject({
      ...{ name: 'py.add', state: 'SUCCESS', queue: 'python', worker: 'py@here', args: '(2, 3)', result: '5' },
    })
    expect(await get<TaskDetail>(`tasks/${ids.ts}`)).toMatchObject({ state: 'SUCCESS', queue: 'celery', result: '42' })
    const failed = await get<TaskDetail>(`tasks/${ids.fail}`)
    expect(failed).toMatchObject({ state: 'FAILURE', exceptionType: 'ValueError' })
    expect(failed.traceback).toContain('no such value')
    expect(failed.stretches.map(({ kind }) => kind)).toEqual(['queued', 'prefetched', 'running'])
  })

  it('shows both workers, their pools and queues', async () => {
    const { workers } = await until<WorkerList>('workers', (list) => {
      expect(list.workers.map(({ pool }) => pool)).toEqual(['async', 'prefork'])
    })
    expect(workers).toMatchObject([
      { name: 'ours@here', software: 'lovage', status: 'online', slots: 4, queues: ['celery'], succeeded: 1 },
      {
        name: 'py@here',
        software: 'py-celery',
        status: 'online',
        slots: 2,
        queues: ['python'],
        succeeded: 1,
        failed: 1,
      },
    ])
    const detail = await get<WorkerDetail>('workers/py@here')
    expect(detail.tasks.map(({ name }) => name)).toEqual(expect.arrayContaining(['py.add', 'py.fail']))
  })

  it('shows the queues and who reads them', async () => {
    await until<QueueList>('queues', ({ queues }) => {
      expect(queues).toMatchObject([
        { name: 'celery', ready: 0, consumers: 1, workers: ['ours@here'] },
        { name: 'python', ready: 0, consumers: 1, workers: ['py@here'] },
      ])
    })
  })

  it('knows all of it after a restart of its own', async () => {
    const before = await get<TaskList>('tasks')
    await board.stop()
    await open()
    const after = await until<TaskList>('tasks', ({ rows }) => expect(rows).toHaveLength(3))
    expect(after.rows).toEqual(before.rows)
  })
})
