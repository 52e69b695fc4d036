import { randomUUID } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { type App, type AsyncResult, type GivenSettings, lovage } from '../../src/index.ts'
import { taskRevokedError } from '../../src/protocol/failure.ts'
import type { Message } from '../../src/protocol/message.ts'
import type { Outcome } from '../../src/protocol/outcome.ts'
import { success, told } from '../../src/testing/backend-suite.ts'

const apps: App[] = []

function newApp(settings: GivenSettings = {}): App {
  const app = lovage('test', { broker: `memory://${randomUUID()}`, ...settings }, { env: {} })
  apps.push(app)
  return app
}

async function answer(app: App, outcome: Outcome): Promise<void> {
  await (await app.client()).backend.put(outcome, {})
}

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

test('a wait ends at its timeout, and the result can be asked for again', async () => {
  const app = newApp()
  const result = await app.sendTask('slow')
  await expect(result.get({ timeout: 20 })).rejects.toMatchObject({
    code: 'RESULT_TIMEOUT',
    details: { id: result.id, timeoutMs: 20 },
  })
  await answer(app, success(result.id, 'late'))
  expect(await result.get({ timeout: 0 })).toBe('late')
})

test('callbacks are called once, with the value or the error; what one throws goes no further', async () => {
  const app = newApp()
  const result = await app.sendTask('slow')
  const called = (options = {}): Promise<unknown[]> =>
    new Promise((resolve) => {
      result.onReady((...all) => {
        resolve(all)
        throw new Error('of the callback')
      }, options)
    })
  expect(await called({ timeout: 20 })).toMatchObject([{ code: 'RESULT_TIMEOUT' }, undefined])
  await answer(app, success(result.id, 'done'))
  expect(await called()).toEqual([undefined, 'done'])
})

test('a result that came after its wait had ended is kept for whoever asks later, however many are handed out', async () => {
  const app = newApp({ backend: 'rpc://' })
  const { backend } = await app.client()
  const put = (id: string): Promise<void> => backend.put(success(id, id), { replyTo: backend.replyTo })
  const late = await app.sendTask('slow')
  await expect(late.get({ timeout: 10 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' })
  await put(late.id)
  const got: AsyncResult[] = []
  for (let i = 0; i < 101; i++) {
    const quick = await app.sendTask('quick')
    await put(quick.id)
    await quick.get()
    got.push(quick)
  }
  const [first, second] = got
  expect(await first?.get()).toBe(first?.id)
  await expect(app.asyncResult(String(first?.id)).get({ timeout: 0 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' })
  expect(await app.asyncResult(String(second?.id)).get({ timeout: 0 })).toBe(second?.id)
  expect(await app.asyncResult(late.id).get({ timeout: 100 })).toBe(late.id)
})

test('a sending is done when its result comes, also before the broker has confirmed it; not by one of an id of its own', async () => {
  const app = newApp()
  const { broker } = await app.client()
  const published: Message[] = []
  broker.publish = (message) => {
    published.push(message)
    return new Promise(() => {})
  }
  const sending = app.sendTask('quick')
  await expect.poll(() => published.length).toBe(1)
  await answer(app, success(sending.id, 5))
  expect(await sending.get()).toBe(5)

  let isSent = false
  const chosen = app.sendTask('quick', [], {}, { taskId: 'chosen' })
  void chosen.then(() => (isSent = true))
  await expect.poll(() => published.length).toBe(2)
  await answer(app, success('chosen', 'of an older task'))
  await new Promise((resolve) => setImmediate(resolve))
  expect(isSent).toBe(false)
})

test('a wait ends when the task expires, whatever its timeout', async () => {
  const result = await newApp().sendTask('slow', [], {}, { expires: 20 })
  await expect(result.get({ timeout: '1h' })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' })
  await expect(result.get()).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' })
})

test('a wait ends at its timeout where the task expires later', async () => {
  const result = await newApp().sendTask('slow', [], {}, { expires: '1h' })
  await expect(result.get({ timeout: 20 })).rejects.toMatchObject({ details: { timeoutMs: 20 } })
})

test('a task that has told that it runs is waited for beyond its expiry, one that will be retried is not', async () => {
  const app = newApp()
  const [running, retried] = [
    await app.sendTask('slow', [], {}, { expires: 20 }),
    await app.sendTask('slow', [], {}, { expires: 20 }),
  ]
  await answer(app, told(running.id, 'STARTED', {}))
  await answer(app, told(retried.id, 'RETRY', {}))
  const got = running.get()
  // Both have the same expiry and the first waits since before: when the second has ended, the first has outlived its own.
  await expect(retried.get()).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' })
  await answer(app, success(running.id, 'done'))
  expect(await got).toBe('done')
})

test('without timeout and expiry a wait ends when results are no longer kept', async () => {
  const result = await newApp({ resultExpires: 20 }).sendTask('slow')
  await expect(result.get()).rejects.toMatchObject({
    code: expect.stringMatching(/RESULT_(TIMEOUT|FORGOTTEN)/) as string,
  })
})

test('a signal ends a wait with its reason', async () => {
  const app = newApp()
  const result = await app.sendTask('slow')
  const controller = new AbortController()
  const waiting = result.get({ signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await expect(result.get({ signal: controller.signal })).rejects.toThrow('enough')
  await answer(app, success(result.id, 1))
  expect(await result.get()).toBe(1)
})

test('many can wait for one result', async () => {
  const app = newApp()
  const result = await app.sendTask('slow')
  const waits = [result.get(), result.get({ timeout: '5s' }), app.asyncResult(result.id).get()]
  await answer(app, success(result.id, 'all'))
  expect(await Promise.all(waits)).toEqual(['all', 'all', 'all'])
})

test('a result that was not wanted cannot be asked for', async () => {
  const result = await newApp().sendTask('quiet', [], {}, { ignoreResult: true })
  for (const ask of [() => result.get(), () => result.outcome(), () => result.latest()]) {
    await expect(ask()).rejects.toMatchObject({ code: 'RESULT_IGNORED' })
  }
  result.onUpdate(() => expect.unreachable('nothing is told'))()
})

test.each([
  [{ timeout: 'soon' }, 'Option timeout of get() must be a length of time, and is "soon"'],
  [{ timeuot: 5 }, 'Option timeuot of get() does not exist'],
  [{ signal: new AbortController() }, 'Option signal of get() must be an AbortSignal, and is an object'],
  [5_000, 'Option options of get() must be an object, and is 5000'],
])('get(%o) is refused', async (options, expected) => {
  const result = await newApp().sendTask('t')
  await expect(result.get(options as never)).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringContaining(expected) as string,
  })
})

test('a revoked task is told as such', async () => {
  const app = newApp()
  const result = await app.sendTask('t')
  const value = taskRevokedError('expired')
  await answer(app, { id: result.id, state: 'REVOKED', result: { value }, traceback: null })
  await expect(result.get()).rejects.toMatchObject({
    name: 'TaskRevokedError',
    excModule: 'celery.exceptions',
    message: 'expired',
    taskId: result.id,
    task: 't',
  })
})

test('a failure that is none is told all the same', async () => {
  const app = newApp()
  const result = await app.sendTask('t')
  await answer(app, { id: result.id, state: 'FAILURE', result: { value: [1, 2] }, traceback: null })
  await expect(result.get()).rejects.toMatchObject({ excType: 'Exception', message: '[1, 2]' })
})

test('what was forgotten is given up', async () => {
  const app = newApp({ backend: 'rpc://' })
  const result = await app.sendTask('t')
  const refused = expect(result.get()).rejects.toMatchObject({ code: 'RESULT_FORGOTTEN' })
  await result.forget()
  await refused
})

test('more results than may be pending: the oldest is given up', async () => {
  const app = newApp({ backend: 'rpc://', maxPendingResults: 2 })
  const results = [await app.sendTask('t'), await app.sendTask('t'), await app.sendTask('t')] as const
  await expect(results[0].get()).rejects.toMatchObject({ code: 'RESULT_FORGOTTEN' })
  await expect(results[1].get({ timeout: 0 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' })
})

test('latest() tells what is known and waits for nothing', async () => {
  const app = newApp()
  const result = await app.sendTask('t')
  expect(await result.latest()).toBeUndefined()
  await answer(app, told(result.id, 'PROGRESS', 1))
  expect(await result.latest()).toMatchObject({ state: 'PROGRESS' })
  expect(await app.asyncResult(result.id).latest()).toMatchObject({ state: 'PROGRESS' })
})

test('closing tells whoever waits', async () => {
  const app = newApp()
  const result = await app.sendTask('t')
  const waiting = result.get().catch((error: unknown) => error)
  await app.close()
  expect(await waiting).toMatchObject({ code: 'BROKER_CLOSED' })
  await expect(result.get()).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
  await expect(app.asyncResult('x').get()).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
})
