import { expect, onTestFinished, test } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { all, expected, lines, openApp, running, turns, until } from './stream-scene.ts'

test('a run that yields what the one before has yielded repeats nothing for its readers', async () => {
  const app = openApp()
  const runs: number[] = []
  const again = app.task('again', { maxRetries: 3 }, async function* () {
    const { retries, retry } = currentTask()
    runs.push(retries)
    yield* lines(20 + 10 * retries)
    if (retries < 2) throw retry({ countdown: 0 })
    return 'done'
  })
  const result = await again.delay()
  const reading = all(result.stream())
  await running(app)
  expect(await reading).toEqual(expected(40))
  expect(runs).toEqual([0, 1, 2])
  expect(await result.get()).toBe('done')
})

/** A task whose second run yields other parts from the sixth on, and fewer of them. */
function fickle(app: App) {
  return app.task('fickle', async function* () {
    const { retries, retry } = currentTask()
    for (let part = 1; part <= (retries === 0 ? 10 : 8); part++)
      yield part > 5 ? `${part} of run ${retries}` : `${part}`
    if (retries === 0) throw retry({ countdown: 0 })
  })
}

test('a run that yields something else says which parts are void, to who wants to know', async () => {
  const app = openApp()
  const result = await fickle(app).delay()
  const got: string[] = []
  const restarts: number[] = []
  const parts = result.stream({
    onRestart: (from) => {
      restarts.push(from)
      got.length = from - 1
    },
  })
  await running(app)
  for await (const part of parts) got.push(part)
  expect(restarts).toEqual([6])
  expect(got).toEqual(['1', '2', '3', '4', '5', '6 of run 1', '7 of run 1', '8 of run 1'])
})

test('a reader who has got void parts, and takes no note of it, is stopped', async () => {
  const app = openApp()
  const result = await fickle(app).delay()
  // Looked at before the worker is up: it may have run the task by the time that its start resolves.
  const refused = expect(all(result.stream())).rejects.toMatchObject({ code: 'STREAM_RESTARTED' })
  await running(app)
  await refused
  // Who comes later never sees what is void.
  await result.get()
  const late: string[] = []
  for await (const part of result.stream({ onRestart: (from) => (late.length = from - 1) })) late.push(part)
  expect(late).toHaveLength(8)
})

test('a run that comes less far than the one before says so too', async () => {
  const app = openApp()
  const shorter = app.task('shorter', async function* () {
    const { retries, retry } = currentTask()
    yield* lines(10 - 5 * retries)
    if (retries === 0) throw retry({ countdown: 0 })
  })
  const result = await shorter.delay()
  const restarts: number[] = []
  const got: string[] = []
  await running(app)
  await result.get()
  for await (const part of result.stream({ onRestart: (from) => void restarts.push(from) })) got.push(part)
  expect({ restarts, got: got.slice(0, 5) }).toEqual({ restarts: [6], got: expected(5) })
})

test('a task that nobody reads waits at the end of its window, then runs on and keeps the newest', async () => {
  const app = openApp()
  let yielded = 0
  const unread = app.task('unread', { stream: { window: 4, keep: 4, patience: 300 } }, async function* () {
    while (yielded < 2_000) yield ++yielded
  })
  const waited = new Promise((resolve) => {
    onTestFinished(onLog(({ message }: LogRecord) => void (/nobody reads/.test(message) && resolve(yielded))))
  })
  await running(app)
  const result = await unread.delay()
  expect(await waited).toBe(5)
  await result.get()
  expect(yielded).toBe(2_000)
  await expect(all(result.stream())).rejects.toMatchObject({ code: 'STREAM_GAPPED' })
  const gaps: number[] = []
  const kept: unknown[] = []
  for await (const part of result.stream({ onGap: (through) => void gaps.push(through) })) kept.push(part)
  expect(kept.at(-1)).toBe(2_000)
  expect(kept.at(0)).toBe((gaps[0] as number) + 1)
  expect(gaps).toHaveLength(1)
})

test('a task that is to run unread does not wait at all', async () => {
  const app = openApp()
  const free = app.task('free', { stream: { window: 1, unread: 'run' } }, lines)
  await running(app)
  expect(await free.delay(50).get()).toBe(50)
})

test('parts are bounded in bytes too, whatever the window', async () => {
  const app = openApp()
  let yielded = 0
  const large = app.task('large', { stream: { window: 10_000 } }, async function* () {
    while (yielded < 20) {
      yielded++
      yield 'x'.repeat(300_000)
    }
  })
  await running(app)
  const result = await large.delay()
  await until(() => yielded >= 4)
  await turns()
  expect(yielded).toBe(4)
  expect(await all(result.stream())).toHaveLength(20)
})

test('a task that fails has given out its parts, then fails its readers', async () => {
  const app = openApp()
  const fails = app.task('fails', async function* () {
    yield* lines(3)
    throw new RangeError('no more lines')
  })
  await running(app)
  const result = await fails.delay()
  const got: string[] = []
  const reading = (async () => {
    for await (const part of result.stream()) got.push(part)
  })()
  await expect(reading).rejects.toMatchObject({ taskId: result.id, message: expect.stringContaining('no more lines') })
  expect(got).toEqual(expected(3))
})

test('a part that cannot be written is an error where it is yielded', async () => {
  const app = openApp()
  const bad = app.task('bad', async function* () {
    try {
      yield NaN
    } catch (error) {
      yield (error as { code: string }).code
    }
  })
  await running(app)
  expect(await all((await bad.delay()).stream())).toEqual(['ENCODE_FAILED'])
})

test('the soft time limit is told to a task where it waits for its readers', async () => {
  const app = openApp()
  const limited = app.task('limited', { softTimeLimit: 100, stream: { window: 2 } }, async function* () {
    try {
      for (;;) yield 'part'
    } catch (error) {
      return (error as Error).name
    }
  })
  await running(app)
  expect(await limited.delay().get()).toBe('SoftTimeLimitExceeded')
})

test('a task that is ended while it waits for its readers runs its finally', async () => {
  const app = openApp()
  const ends: string[] = []
  const waits = app.task('waits', { stream: { window: 2 } }, async function* () {
    try {
      for (;;) yield ends.length
    } finally {
      ends.push('finally')
    }
  })
  await running(app)
  const result = await waits.delay()
  const parts = result.stream()
  await parts.next()
  await result.revoke({ terminate: true })
  await until(() => ends.length > 0)
  expect(await result.outcome()).toMatchObject({ state: 'REVOKED' })
  await parts.return(undefined as never)
})

test('a reader can be told to stop', async () => {
  const app = openApp()
  const result = await app.task('lines', lines).delay(10)
  const stop = new AbortController()
  const reading = all(result.stream({ signal: stop.signal }))
  stop.abort(new Error('enough'))
  await expect(reading).rejects.toThrow('enough')
  await expect(all(result.stream({ signal: stop.signal }))).rejects.toThrow('enough')
})

test('called here a streaming task is the generator that it is', async () => {
  expect(await all(openApp().task('lines', lines)(3))).toEqual(expected(3))
})

test('each of a map runs to its end, and is no stream', async () => {
  const app = openApp()
  const task = app.task('lines', lines)
  await running(app)
  expect(await task.map([2, 3]).delay().get()).toEqual([2, 3])
})

test('without a store a streaming task is refused by name', () => {
  const app = lovage('streams', { broker: 'amqp://localhost' }, { env: {} })
  expect(() => app.task('report.lines', lines)).toThrow('Task report.lines, which yields parts, needs a store')
})

test.each([
  [{ window: 0 }, 'stream.window'],
  [{ keep: 10 }, 'stream.keep'],
  [{ unread: 'drop' }, 'stream.unread'],
  [{ windows: 3 }, 'stream.windows'],
  ['wide', 'stream'],
])('the option stream: %j is refused', (stream, option) => {
  const define = (): unknown => openApp().task('lines', { stream: stream as object }, lines)
  expect(define).toThrow(option)
})
