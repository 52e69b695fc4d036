import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { lovage, type App, type Surroundings } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import { LovageError } from '../../src/base/errors.ts'
import { onLog } from '../../src/base/log.ts'
import { openStore } from '../../src/store/open.ts'
import { worker, type Worker } from '../../src/worker/worker.ts'

function openApp(settings: GivenSettings = {}, around: Surroundings = {}): App {
  const app = lovage('shop', { broker: `memory://${randomUUID()}`, ...settings }, { env: {}, ...around })
  onTestFinished(() => app.close())
  return app
}

async function working(app: App): Promise<Worker> {
  const running = worker(app, { gracePeriod: 0 })
  onTestFinished(() => running.stop())
  await running.start()
  return running
}

test('of several messages of one task that is to run once, one is run', async () => {
  const app = openApp()
  let starts = 0
  const count = app.task('count', () => ++starts)
  await count.applyAsync([], { taskId: 'a', once: true })
  await count.applyAsync([], { taskId: 'a', once: true })
  const result = await count.applyAsync([], { taskId: 'a', once: true })
  const running = await working(app)
  expect(await result.get()).toBe(1)
  await expect.poll(() => running.stats().duplicates).toBe(2)
  // Another task has a run of its own.
  expect(await count.applyAsync([], { taskId: 'b', once: true }).get()).toBe(2)
  expect([starts, running.stats().received]).toEqual([2, 4])
})

test('without the option each message is run, as ever', async () => {
  const app = openApp()
  let starts = 0
  const count = app.task('count', () => ++starts)
  for (let at = 0; at < 2; at++) await count.applyAsync([], { taskId: 'a' })
  const running = await working(app)
  await expect.poll(() => running.stats().succeeded).toBe(2)
  expect(starts).toBe(2)
})

test('a message that comes again is run again, and its retry too', async () => {
  const app = openApp()
  const runs: number[] = []
  let isFirst = true
  const task = app.task('task', { maxRetries: 1 }, async () => {
    const { retries, retry, signal } = currentTask()
    runs.push(retries)
    if (isFirst) {
      isFirst = false
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    }
    if (retries === 0) throw retry({ countdown: 0 })
    return 'done'
  })
  const first = await working(app)
  const result = await task.applyAsync([], { once: true })
  await expect.poll(() => runs.length).toBe(1)
  await first.stop('cold')
  const second = await working(app)
  expect(await result.get()).toBe('done')
  expect(runs).toEqual([0, 0, 1])
  expect(second.stats().duplicates).toBe(0)
})

test('a second message that comes past its deadline does not end the task that runs', async () => {
  const app = openApp()
  let finish = (_result: string): void => {}
  const gate = new Promise<string>((resolve) => (finish = resolve))
  let starts = 0
  const slow = app.task('slow', () => {
    starts++
    return gate
  })
  const running = await working(app)
  const result = await slow.applyAsync([], { taskId: 'a', once: true })
  await expect.poll(() => starts).toBe(1)
  await slow.applyAsync([], { taskId: 'a', once: true, deadline: new Date(Date.now() - 1) })
  await expect.poll(() => running.stats().duplicates + running.stats().revoked).toBe(1)
  finish('done')
  expect(await result.get()).toBe('done')
  expect(running.stats()).toMatchObject({ duplicates: 1, revoked: 0 })
})

test('a store that does not answer at first is asked again', async () => {
  let failures = 3
  const store = openStore(`memory://${randomUUID()}`)
  const flaky = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      if (name !== 'set' || failures-- <= 0) return member.bind(target) as unknown
      return () => Promise.reject(new LovageError('STORE_UNREACHABLE', { url: 'memory://', problem: 'it sleeps' }))
    },
  })
  const app = openApp({}, { openStore: () => flaky })
  const one = app.task('one', () => 1)
  await working(app)
  expect(await one.applyAsync([], { once: true }).get()).toBe(1)
  expect(failures).toBeLessThan(0)
})

test('sending once without a store is refused by name, before anything is opened', async () => {
  const app = openApp({ broker: 'amqp://localhost:1' })
  const one = app.task('one', () => 1)
  const refused = { code: 'CAPABILITY_MISSING', message: expect.stringContaining('store') }
  await expect(one.applyAsync([], { once: true })).rejects.toMatchObject(refused)
})

test('a worker without a store runs it all the same, and says that it may run twice', async () => {
  const broker = `memory://${randomUUID()}`
  const client = openApp({ broker })
  await client.task('one', () => 1).applyAsync([], { once: true })
  const app = openApp({ broker })
  const lines: string[] = []
  onTestFinished(onLog(({ level, message }) => void (level === 'error' && lines.push(message))))
  app.task('one', () => 1)
  Object.defineProperty(app, 'settings', { value: { ...app.settings, store: undefined } })
  const running = await working(app)
  await expect.poll(() => running.stats().succeeded).toBe(1)
  expect(lines).toEqual(['a task that is to run once may run twice'])
})
