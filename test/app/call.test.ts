import { randomUUID } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import * as v from 'valibot'
import { z } from 'zod'
import { type App, currentTask, lovage, TaskError } from '../../src/index.ts'
import { tinyWorker } from './tiny-worker.ts'

const apps: App[] = []

function newApp(backend?: string): App {
  const app = lovage('test', { broker: `memory://${randomUUID()}`, ...(backend && { backend }) }, { env: {} })
  apps.push(app)
  return app
}

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

test('called as a function a task runs here, and nothing is opened', async () => {
  const app = newApp()
  const add = app.task('add', (x: number, y: number) => x + y)
  expect(add(2, 3)).toBe(5)
  expect(add.name).toBe('add')
  expect(app.counts()).toEqual({ sent: 0, failed: 0, unawaited: 0 })
})

test.each(['memory', 'rpc'])('delay() brings the value back (%s)', async (kind) => {
  const app = newApp(kind === 'rpc' ? 'rpc://' : undefined)
  const add = app.task('add', async (x: number, y: number) => x + y)
  await tinyWorker(app)
  const result = await add.delay(2, 3)
  expect(await result.get({ timeout: '60s' })).toBe(5)
  expect(await result.get()).toBe(5)
  expect(await add.delay(20, 30).get()).toBe(50)
  expect(app.counts()).toEqual({ sent: 2, failed: 0, unawaited: 0 })
})

test('a sending has its id at once, and the result has the same', async () => {
  const app = newApp()
  const sending = app.task('id', () => currentTask().id).delay()
  const { id } = sending
  await tinyWorker(app)
  expect(await sending.get()).toBe(id)
  expect((await sending).id).toBe(id)
  expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test('a result is never thenable, so that an async function can return it', async () => {
  const app = newApp()
  const add = app.task('add', (x: number) => x)
  await tinyWorker(app)
  const send = async () => await add.delay(1)
  const result = await send()
  expect('then' in result).toBe(false)
  expect(await result.get()).toBe(1)
})

test('what a task throws comes back as a TaskError with type, module and message', async () => {
  const app = newApp('rpc://')
  const fail = app.task('fail', (): number => {
    throw new RangeError('too far')
  })
  await tinyWorker(app)
  const error: unknown = await fail
    .delay()
    .get()
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(TaskError)
  expect(error).toMatchObject({ excType: 'ValueError', excModule: 'builtins', message: 'too far', task: 'fail' })
})

test('outcome() tells how a task ended without throwing', async () => {
  const app = newApp()
  const fail = app.task('fail', () => Promise.reject(new TypeError('no')))
  await tinyWorker(app)
  const result = await fail.delay()
  expect((await result.outcome()).state).toBe('FAILURE')
  expect((await result.latest())?.state).toBe('FAILURE')
})

test('arguments come by name where the task names its parameters', async () => {
  const app = newApp()
  const div = app.task('div', { params: ['x', 'y?'] }, (x: number, y = 2) => x / y)
  const received = await tinyWorker(app)
  expect(await div.applyAsync([9], { kwargs: { y: 3 } }).get()).toBe(3)
  expect(await div.applyAsync([], { kwargs: { x: 9 } }).get()).toBe(4.5)
  expect(received[1]).toMatchObject({ args: [], kwargs: { x: 9 } })
})

test.each([
  ['zod', z.object({ to: z.string(), copies: z.coerce.number() })],
  ['valibot', v.object({ to: v.string(), copies: v.pipe(v.unknown(), v.transform(Number)) })],
  [
    'valibot, asynchronous',
    v.objectAsync({
      to: v.pipeAsync(
        v.string(),
        v.checkAsync(async () => true),
      ),
      copies: v.pipe(v.unknown(), v.transform(Number)),
    }),
  ],
] as const)('a task with an input takes one object, checked, as named arguments (%s)', async (_, input) => {
  const app = newApp()
  const mail = app.task('mail', { input }, ({ to, copies }) => `${to} ${copies + 1}`)
  const received = await tinyWorker(app)
  expect(await mail.delay({ to: 'ann', copies: '2' }).get()).toBe('ann 3')
  expect(received[0]).toMatchObject({ args: [], kwargs: { to: 'ann', copies: '2' } })
  expect(await mail({ to: 'bob', copies: '1' })).toBe('bob 2')
  await expect(mail.delay({ to: 3 } as never)).rejects.toMatchObject({
    code: 'ARGUMENTS_INVALID',
    message: expect.stringMatching(/mail.*to: /) as string,
  })
  await expect(mail({ to: 3 } as never)).rejects.toMatchObject({ code: 'ARGUMENTS_INVALID' })
  await expect(mail.delay('ann' as never)).rejects.toMatchObject({ code: 'ARGUMENTS_INVALID' })
})

test('arguments that do not fit are refused before they are sent, and by the worker', async () => {
  const app = newApp()
  const add = app.task('add', (x: number, y: number) => x + y)
  await expect(add.applyAsync([1] as never)).rejects.toMatchObject({ code: 'ARGUMENTS_INVALID' })
  expect(() => app.registry.get('add')?.call([1, 2, 3], {})).toThrow(/takes 2 arguments, and got 3/)
  expect(app.counts()).toMatchObject({ sent: 0, failed: 1 })
})

test('a task that lives elsewhere can be sent but not called', async () => {
  const app = newApp()
  const train = app.remote<(set: string) => { loss: number }>('ml.train', { queue: 'gpu' })
  const [python, received] = [lovage('py', { broker: app.settings.broker }, { env: {} }), []]
  apps.push(python)
  python.task('ml.train', { params: ['set', 'depth?'] }, (set: string, depth?: number) => ({
    loss: set.length + (depth ?? 0),
  }))
  const seen = await tinyWorker(python, ['gpu'])
  expect(received).toEqual([])
  expect(await train.delay('mnist').get()).toEqual({ loss: 5 })
  expect(await train.applyAsync(['mnist'], { kwargs: { depth: 1 } }).get()).toEqual({ loss: 6 })
  expect(seen.map(({ queue }) => queue)).toEqual(['gpu', 'gpu'])
  expect(() => (train as unknown as () => void)()).toThrow(
    expect.objectContaining({ code: 'TASK_LOCAL_MISSING' }) as Error,
  )
})

test('sendTask sends by name, to the queue of the task where it is defined here', async () => {
  const app = newApp()
  app.task('here', { queue: 'images' }, (x: number) => x * 2)
  const received = await tinyWorker(app, ['celery', 'images'])
  expect(await app.sendTask<number>('here', [4]).get()).toBe(8)
  await (await app.sendTask('elsewhere', [4], { deep: [1] }, { priority: 5 })).outcome()
  expect(received.map(({ queue, request }) => [queue, request.task, request.priority])).toEqual([
    ['images', 'here', 0],
    ['celery', 'elsewhere', 5],
  ])
})

test('a task sent from inside a task has its root and parent', async () => {
  const app = newApp()
  const inner = app.task('inner', () => 1)
  const outer = app.task('outer', async () => (await inner.delay()).id)
  const received = await tinyWorker(app)
  const result = await outer.delay()
  const innerId = await result.get()
  await app.asyncResult(innerId).get()
  expect(received[0]?.request).toMatchObject({ task: 'outer', rootId: result.id, parentId: null })
  expect(received[1]?.request).toMatchObject({ task: 'inner', id: innerId, rootId: result.id, parentId: result.id })
})

test('updates reach who listens, also one who listens late', async () => {
  const app = newApp('rpc://')
  let finish = (): void => {}
  const report = app.task('report', async () => {
    currentTask().progress({ done: 1 })
    await new Promise<void>((resolve) => (finish = resolve))
    currentTask().updateState('POLISHING')
  })
  await tinyWorker(app)
  const result = await report.delay()
  const states = await new Promise<string[]>((resolve) => {
    const seen: string[] = []
    result.onUpdate(({ state, meta }) => {
      seen.push(`${state} ${JSON.stringify(meta)}`)
      if (seen.length === 2) return resolve(seen)
      app.asyncResult(result.id).onUpdate((late) => {
        if (late.state === 'PROGRESS') finish()
      })
    })
  })
  expect(states).toEqual(['PROGRESS {"done":1}', 'POLISHING null'])
  await result.get()
})

test('a task whose name is taken is refused', () => {
  const app = newApp()
  app.task('twice', () => 1)
  expect(() => app.task('twice', () => 2)).toThrow(expect.objectContaining({ code: 'TASK_DUPLICATE' }) as Error)
})
