import { expect, test } from 'vitest'
import { z } from 'zod'
import { currentTask, lovage, Reject, TaskError } from '../../src/index.ts'
import { runTask, VirtualClock } from '../../src/testing/testing.ts'

const app = lovage('test', { broker: 'memory://never-opened' }, { env: {} })

const add = app.task('add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
const flaky = app.task('flaky', { maxRetries: 2, retryDelay: '7s', retryOn: [RangeError] }, (): string => {
  const { retries, progress } = currentTask()
  progress({ retries })
  throw new RangeError('again')
})
const patient = app.task('patient', { timeLimit: '30s' }, () => {
  const { signal } = currentTask()
  return new Promise<string>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
})

test('a task runs as in a worker, and its value is typed', async () => {
  const run = await runTask(app, add, [2, 3])
  const value: number = run.value
  expect(value).toBe(5)
  expect(run).toMatchObject({ state: 'SUCCESS', updates: [], retryInMs: undefined })
  expect((await runTask(app, add, [2], { kwargs: { y: 4 } })).value).toBe(6)
})

test('what it tells and how it is retried can be looked at', async () => {
  const run = await runTask(app, flaky, [], { retries: 1, taskId: 'id-1' })
  expect(run).toMatchObject({ state: 'RETRY', retryInMs: 7_000 })
  expect(run.updates).toEqual([{ id: 'id-1', state: 'PROGRESS', meta: { retries: 1 } }])
  const last = await runTask(app, flaky, [], { retries: 2 })
  expect(last.state).toBe('FAILURE')
  expect(() => last.value).toThrow(TaskError)
  expect(() => last.value).toThrow('again')
})

test('an input is checked', async () => {
  const mail = app.task('mail', { input: z.object({ copies: z.number() }) }, ({ copies }) => copies)
  expect((await runTask(app, mail, [{ copies: 2 }])).value).toBe(2)
  const run = await runTask(app, mail, [{ copies: 'two' } as never])
  expect(() => run.value).toThrow(/copies/)
})

test('a signal aborts it, and so does its time limit, on virtual time', async () => {
  const controller = new AbortController()
  const aborted = runTask(app, patient, [], { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(aborted).resolves.toMatchObject({ state: 'FAILURE' })
  const clock = new VirtualClock()
  const limited = runTask(app, patient, [], { clock })
  await clock.play(30_000)
  const run = await limited
  expect(() => run.value).toThrow(expect.objectContaining({ excType: 'TimeLimitExceeded' }) as Error)
})

test('a task that refuses its message has no value', async () => {
  const picky = app.task('picky', (): number => {
    throw new Reject('not mine')
  })
  const run = await runTask(app, picky, [])
  expect(run.state).toBe('REJECTED')
  expect(() => run.value).toThrow(TaskError)
})

test('a task of another application is not known', async () => {
  const elsewhere = app.remote<() => number>('elsewhere')
  await expect(runTask(app, elsewhere, [])).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
})
