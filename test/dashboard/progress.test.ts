import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { type Dashboard, dashboard } from '../../src/dashboard/dashboard.ts'
import type { TaskDetail } from '../../src/dashboard/api.ts'
import { Redactor } from '../../src/dashboard/redact.ts'
import { TaskProgress } from '../../src/dashboard/read/task-progress.ts'
import type { Outcome } from '../../src/protocol/outcome.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { worker } from '../../src/worker/worker.ts'
import { progressOf } from '../../web/parts/progress-of.ts'

function gate(): { readonly isOpen: Promise<void>; open(): void } {
  let open!: () => void
  const isOpen = new Promise<void>((resolve) => (open = resolve))
  return { isOpen, open }
}

describe('the progress of a task that somebody looks at', () => {
  const app = lovage('shop', { broker: 'memory://dashboard-progress', backend: 'memory://' }, { env: {} })
  const [go, end] = [gate(), gate()]
  const walk = app.task('shop.walk', async () => {
    currentTask().progress({ current: 1, total: 4, api_token: 'hunter2' })
    await go.isOpen
    currentTask().progress({ current: 3, total: 4, text: 'nearly there' })
    await end.isOpen
  })
  const hands = worker(app, { events: true, concurrency: 2 })
  const folder = mkdtempSync(join(tmpdir(), 'lovage-progress-'))
  let board: Dashboard

  beforeAll(async () => {
    board = dashboard(app, { port: 0, data: folder })
    await board.start()
    await hands.start()
  })

  afterAll(async () => {
    go.open()
    end.open()
    await hands.stop()
    await board.stop()
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is read without secrets, is told when it changes, and ends with the task', { timeout: 60_000 }, async () => {
    const { id } = await walk.delay()
    const detail = async (): Promise<TaskDetail> =>
      (await (await fetch(`${board.url}/api/v1/tasks/${id}`)).json()) as TaskDetail
    const until = async (isSo: (task: TaskDetail) => boolean): Promise<TaskDetail> => {
      for (let task = await detail(); ; task = await detail()) {
        if (isSo(task)) return task
        await sleep(systemClock, 50)
      }
    }
    const { progress } = await until((task) => Boolean(task.progress))
    expect(progress).toEqual({ current: 1, total: 4, api_token: '***' })

    const ending = new AbortController()
    const stream = await fetch(`${board.url}/api/v1/live?topics=task&task=${id}`, { signal: ending.signal })
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
    let heard = ''
    const hear = async (what: string): Promise<void> => {
      while (!heard.includes(what)) heard += (await reader?.read())?.value ?? ''
    }
    await hear('"current":1')
    // No event tells of this: who reads the stream asks for nothing more.
    go.open()
    await hear('nearly there')
    ending.abort()
    end.open()
    expect(await until(({ state }) => state === 'SUCCESS')).toMatchObject({ progress: null })
  })
})

describe('what is read of progress', () => {
  const told = (value: unknown): Outcome => ({ id: 't', state: 'PROGRESS', result: { value }, traceback: null })

  function reading(get: () => Promise<Outcome | undefined>, backend = 'redis://localhost') {
    const clock = new VirtualClock()
    const counts = { asked: 0, changed: 0 }
    const client = async () => ({ backend: { get: () => (counts.asked++, get()) } })
    const progress = new TaskProgress({
      app: { settings: { backend }, client } as unknown as App,
      clock,
      index: { get: () => ({ state: 'STARTED', name: 'shop.walk' }) },
      redactor: new Redactor({ tasks: { 'shop.hidden': true } }),
      changed: () => counts.changed++,
    })
    return { clock, counts, progress, now: () => progress.of({ id: 't', state: 'STARTED' }) }
  }

  it('is asked for once a second at most, however many look', async () => {
    const { clock, counts, progress, now } = reading(async () => told(0.5))
    await Promise.all([progress.ask('t'), progress.ask('t')])
    await progress.ask('t')
    expect([counts, now()]).toEqual([{ asked: 1, changed: 1 }, { progress: 0.5 }])
    clock.advance(1_000)
    await progress.ask('t')
    expect(counts).toEqual({ asked: 2, changed: 1 })
  })

  it('stays, and is said to be old, while the backend does not answer; it is not asked again meanwhile', async () => {
    let answer: () => Promise<Outcome | undefined> = async () => told({ done: 1, of: 2 })
    const { clock, counts, progress, now } = reading(() => answer())
    await progress.ask('t')
    answer = () => new Promise(() => {})
    clock.advance(1_000)
    const asking = progress.ask('t')
    await clock.play(1_000)
    await asking
    clock.advance(5_000)
    await progress.ask('t')
    expect(counts.asked).toBe(2)
    const progressUnknown = 'the result backend does not answer'
    expect(now()).toEqual({ progress: { done: 1, of: 2 }, progressUnknown })
  })

  it('is not known over rpc, where nobody is asked', async () => {
    const { counts, progress, now } = reading(async () => told(1), 'rpc://')
    await progress.ask('t')
    expect([counts.asked, now()]).toEqual([
      0,
      { progress: null, progressUnknown: expect.stringContaining('only who sent it') as string },
    ])
  })

  it('is what the task has told, and not what the worker or the result says', async () => {
    const { progress, now } = reading(async () => ({ ...told({ hostname: 'here' }), state: 'STARTED' }))
    await progress.ask('t')
    expect(now()).toEqual({ progress: null })
  })

  it('is not shown where it is too long', async () => {
    const { progress, now } = reading(async () => told('x'.repeat(100_000)))
    await progress.ask('t')
    expect(now()).toMatchObject({ progress: null, progressUnknown: expect.stringContaining('65536 at most') as string })
  })
})

it.each([
  [
    { current: 37, total: 100, text: 'page 37' },
    { part: 0.37, count: '37 of 100', text: 'page 37' },
  ],
  [
    { done: 3, of: 2 },
    { part: 1, count: '3 of 2', text: null },
  ],
  [
    { percent: 25, message: 'on' },
    { part: 0.25, count: null, text: 'on' },
  ],
  [
    { current: 1, total: 0 },
    { part: null, count: null, text: null },
  ],
  [0.5, { part: 0.5, count: null, text: null }],
  [80, { part: 0.8, count: null, text: null }],
  ['loading', { part: null, count: null, text: 'loading' }],
  [null, { part: null, count: null, text: null }],
  [[1, 2], { part: null, count: null, text: null }],
])('the page reads %j', (progress, far) => {
  expect(progressOf(progress)).toEqual(far)
})
