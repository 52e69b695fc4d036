import { expect, onTestFinished, test } from 'vitest'
import { chain } from '../../src/app/canvas.ts'
import { TaskAbandoned } from '../../src/app/control-flow.ts'
import { currentTask } from '../../src/app/current-task.ts'
import type { DeadlineOption } from '../../src/gateway/deadline.ts'
import { worker } from '../../src/worker/worker.ts'
import { ask, openApp, openGateway, running, signal, started, until } from './open-gateway.ts'
import { rawClient } from './raw-client.ts'

const HOUR = 3_600_000

test('the time that a caller has left travels with the task', async () => {
  const app = openApp()
  const left = app.task('left', () => currentTask().remainingMs)
  const opened = openGateway(app, { timeout: '1h' })
    .get('/of-the-gateway', left)
    .get('/of-the-route', left, { timeout: '30m' })
    .get('/of-its-own', left, { deadline: '10m' })
    .get('/asked', left, { deadline: { header: 'X-Wait', max: '20m' } })
  const url = await running(app, opened)
  const leftOf = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
    ((await ask(url + path, { headers })).json as { results: number }).results / HOUR
  expect(await leftOf('/of-the-gateway')).toBeCloseTo(1, 1)
  expect(await leftOf('/of-the-route')).toBeCloseTo(1 / 2, 1)
  expect(await leftOf('/of-its-own')).toBeCloseTo(1 / 6, 1)
  expect(await leftOf('/asked')).toBeCloseTo(1 / 3, 1)
  expect(await leftOf('/asked', { 'x-wait': '10m' })).toBeCloseTo(1 / 6, 1)
  expect(await leftOf('/asked', { 'x-wait': '600000' })).toBeCloseTo(1 / 6, 1)
  expect(await leftOf('/asked', { 'x-wait': '2h' })).toBeCloseTo(1 / 3, 1)
})

test('a task that is only accepted, and one without a deadline, have all the time they want', async () => {
  const app = openApp()
  const deadline = app.task('deadline', () => `${currentTask().deadline} ${currentTask().remainingMs}`)
  const told: unknown[] = []
  app.on('taskSuccess', ({ result }) => void told.push(result))
  const opened = openGateway(app)
    .get('/accepted', deadline, { reply: 'accept' })
    .get('/endless', deadline, { deadline: false })
    .get('/placed', deadline, { waitThenAccept: '5s' })
  const url = await running(app, opened)
  expect((await ask(`${url}/endless`)).json).toEqual({ results: 'undefined Infinity' })
  expect((await ask(`${url}/placed`)).json).toEqual({ results: 'undefined Infinity' })
  expect((await ask(`${url}/placed`, { headers: { prefer: 'wait=3' } })).json).toEqual({
    results: 'undefined Infinity',
  })
  expect((await ask(`${url}/accepted`)).status).toBe(202)
  await until(() => told.length === 4)
  expect(new Set(told)).toEqual(new Set(['undefined Infinity']))
})

test.each(['soon', '-5', '0', '5 s', ''])('a header that says "%s" in place of a time is refused', async (wait) => {
  const app = openApp()
  const one = app.task('one', () => 1)
  const opened = openGateway(app).get('/one', one, { deadline: { header: 'x-wait' } })
  const answer = await ask(`${await running(app, opened)}/one`, { headers: { 'x-wait': wait } })
  expect([answer.status, answer.json]).toMatchObject([400, { error: { code: 'HEADER_INVALID' } }])
})

test.each(['99999999999999999', '99999999999999d'])('a header that says %s is as good as for ever', async (wait) => {
  const app = openApp()
  const one = app.task('one', () => 1)
  const opened = openGateway(app).get('/one', one, { deadline: { header: 'x-wait' }, reply: 'accept' })
  expect((await ask(`${await running(app, opened)}/one`, { headers: { 'x-wait': wait } })).status).toBe(202)
})

test.each<[unknown, string]>([
  [{ max: '1s' }, 'without a header'],
  [{ header: 'x', least: 1 }, 'least'],
  [{ header: 7 }, 'header'],
  ['soon', 'soon'],
])('a deadline of %j is refused when the route is bound', (deadline, problem) => {
  const app = openApp()
  const one = app.task('one', () => 1)
  const bind = (): unknown => openGateway(app).get('/one', one, { deadline: deadline as DeadlineOption })
  expect(bind).toThrow(problem)
})

test('nobody runs a task whose caller has given up waiting', async () => {
  const app = openApp()
  let starts = 0
  const late = app.task('late', () => ++starts)
  const expired = signal<string>()
  app.on('taskRevoked', ({ id, isExpired }) => void (isExpired && expired.fire(id)))
  const url = await started(openGateway(app).get('/late', late, { timeout: 50 }))
  const { status, json } = await ask(`${url}/late`)
  const { error } = json as { error: { id: string } }
  expect(status).toBe(504)
  const running = worker(app, { gracePeriod: 0 })
  onTestFinished(() => running.stop())
  await running.start()
  expect(await expired.promise).toBe(error.id)
  await until(() => running.stats().revoked === 1)
  expect((await ask(`${url}/tasks/${error.id}`)).json).toMatchObject({ state: 'REVOKED' })
  expect(starts).toBe(0)
})

test('what a task sends has its deadline, or a sooner one of its own', async () => {
  const app = openApp()
  const seen = new Map<string, number>()
  const child = app.task('child', (name: string) => {
    seen.set(name, currentTask().remainingMs / HOUR)
    return name
  })
  const parent = app.task('parent', async () => {
    await child.applyAsync(['later'], { deadline: '9h' })
    await child.applyAsync(['sooner'], { deadline: '1h' })
    await chain(child.s('first'), child.si('second')).delay()
    await child.s('signed').set({ deadline: '2h' }).delay()
    await child.applyAsync(['freed'], { deadline: false })
    await chain(child.s('signed free').set({ deadline: false }), child.si('bound')).delay()
    await child.s('signed later').applyAsync([], { deadline: new Date(Date.now() + 9 * HOUR) })
    return currentTask().remainingMs / HOUR
  })
  const running = worker(app, { gracePeriod: 0 })
  onTestFinished(() => running.stop())
  await running.start()
  expect(await parent.applyAsync([], { deadline: '3h' }).get()).toBeCloseTo(3, 1)
  await until(() => seen.size === 9)
  const rounded = [...seen].map(([name, hours]) => [name, Math.round(hours * 10) / 10])
  expect(Object.fromEntries(rounded)).toEqual({
    later: 3,
    sooner: 1,
    first: 3,
    second: 3,
    signed: 2,
    'signed later': 3,
    freed: Infinity,
    'signed free': Infinity,
    bound: Infinity,
  })
  // Outside of a task there is none to inherit.
  await child.delay('alone')
  await until(() => seen.size === 10)
  expect(seen.get('alone')).toBe(Infinity)
})

test('what is called when a task fails is called however late it is', async () => {
  const app = openApp()
  const cleaned: unknown[] = []
  const cleanUp = app.task('cleanUp', (id: string) => void cleaned.push(id))
  const late = app.task('late', () => 1)
  const running = worker(app, { gracePeriod: 0 })
  onTestFinished(() => running.stop())
  await running.start()
  const deadline = new Date(Date.now() - 1)
  const sending = late.s().linkError(cleanUp.s()).applyAsync([], { deadline })
  await expect(sending.get()).rejects.toMatchObject({ excType: 'TaskRevokedError' })
  await until(() => running.stats().succeeded + running.stats().revoked === 2)
  expect(cleaned).toEqual([sending.id])
})

test('a retry has the deadline of the first run', async () => {
  const app = openApp()
  const twice = app.task('twice', { maxRetries: 1 }, () => {
    const { retries, remainingMs, retry } = currentTask()
    if (retries === 0) throw retry({ countdown: 0 })
    return remainingMs / HOUR
  })
  const running = worker(app, { gracePeriod: 0 })
  onTestFinished(() => running.stop())
  await running.start()
  expect(await twice.applyAsync([], { deadline: '2h' }).get()).toBeCloseTo(2, 1)
})

test('at its deadline an abandonable task is told to stop, and another goes on', async () => {
  const app = openApp()
  const stopped = signal<unknown>()
  const work = async (): Promise<string> => {
    const { signal: aborted, remainingMs } = currentTask()
    const end = signal()
    // Half a second beyond the deadline, as a task that knows nothing of it.
    const timer = setTimeout(() => end.fire(), remainingMs + 500)
    aborted.addEventListener('abort', () => {
      stopped.fire(aborted.reason)
      clearTimeout(timer)
      end.fire()
    })
    await end.promise
    aborted.throwIfAborted()
    return 'done'
  }
  const willing = app.task('willing', { abandonable: true }, work)
  const stubborn = app.task('stubborn', work)
  const running = worker(app, { gracePeriod: 0 })
  onTestFinished(() => running.stop())
  await running.start()
  const [first, second] = await Promise.all([
    willing.applyAsync([], { deadline: '3s' }),
    stubborn.applyAsync([], { deadline: '3s' }),
  ])
  expect(await stopped.promise).toMatchObject({ name: 'TaskAbandoned', why: 'expired' })
  expect(await first.outcome()).toMatchObject({ state: 'REVOKED' })
  await expect(first.get()).rejects.toThrow('expired')
  expect(await second.get()).toBe('done')
})

test('a client that hangs up ends its abandonable task after a while, whether it runs or waits', async () => {
  const app = openApp()
  const starts: string[] = []
  const ends = new Map<string, unknown>()
  const long = app.task('long', { abandonable: true }, async (name: string) => {
    starts.push(name)
    const { signal: aborted } = currentTask()
    await new Promise<void>((resolve) => aborted.addEventListener('abort', () => resolve(), { once: true }))
    ends.set(name, aborted.reason)
    throw aborted.reason
  })
  const revoked: string[] = []
  app.on('taskRevoked', ({ id }) => void revoked.push(id))
  const opened = openGateway(app, { timeout: '1h' }).get('/long/:name', long, {
    args: ({ params }) => [params.name],
    abandonAfter: 20,
  })
  const running = worker(app, { gracePeriod: 0, concurrency: 1, prefetch: 2 })
  onTestFinished(() => running.stop())
  await running.start()
  const url = await started(opened)
  const first = await rawClient(url)
  first.send('GET /long/runs HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until(() => starts.length === 1)
  const second = await rawClient(url)
  second.send('GET /long/waits HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until(() => running.stats().waiting === 1)
  second.socket.destroy()
  await until(() => revoked.length === 1)
  expect(ends.size).toBe(0)
  first.socket.destroy()
  await until(() => revoked.length === 2)
  expect(starts).toEqual(['runs'])
  expect(ends.get('runs')).toBeInstanceOf(TaskAbandoned)
  expect(ends.get('runs')).toMatchObject({ why: 'abandoned' })
})

test('a client that hangs up leaves a task to run to its end that is not abandonable', async () => {
  const app = openApp()
  const runs = signal()
  const end = signal()
  let isAborted: boolean | undefined
  const long = app.task('long', async () => {
    runs.fire()
    await end.promise
    isAborted = currentTask().signal.aborted
  })
  const opened = openGateway(app, { timeout: '1h' }).get('/long', long, { abandonAfter: 0 })
  const url = await running(app, opened)
  const client = await rawClient(url)
  client.send('GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await runs.promise
  client.socket.destroy()
  await until(() => opened.inFlight === 0)
  // Whatever was to be told to the worker is on its way behind this.
  await app.control.ping()
  end.fire()
  await until(() => isAborted !== undefined)
  expect(isAborted).toBe(false)
})
