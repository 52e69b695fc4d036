import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import { describeWith } from '../services/available.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { RedisScene } from '../services/redis-scene.ts'
import { EventClient } from './event-source.ts'
import { ask, openApp, openGateway, running, signal, started, until } from './open-gateway.ts'

/** An embedded broker takes a while to start on a machine that has much to do. */
const patient = { timeout: 60_000 }

const numbers = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => index + from)

/** Has a task accepted; resolves to where its events are. */
async function accepted(url: string, path = '/count'): Promise<string> {
  const { json } = await ask(url + path, { method: 'POST' })
  return `${(json as { location: string }).location}/events`
}

/** A gateway with a task that yields numbers. */
function counting(app: App, count: number, options: object = {}, gatewayOptions: object = {}) {
  const ends: string[] = []
  const task = app.task('count', options, async function* () {
    try {
      for (let part = 1; part <= count; part++) yield part
      return 'done'
    } finally {
      ends.push(currentTask().id)
    }
  })
  return { ends, web: openGateway(app, gatewayOptions).post('/count', task, { reply: 'accept' }) }
}

function anywhere(settings: () => GivenSettings): void {
  test('who is cut off goes on at another gateway, and misses and repeats nothing', patient, async () => {
    const given = settings()
    const app = openApp(given)
    const one = counting(app, 2_000)
    const first = await running(app, one.web)
    const two = openGateway(openApp(given))
    const second = await started(two)
    const path = await accepted(first)
    const got: unknown[] = []
    const client = await EventClient.open(first + path)
    await client.until(({ events }) => events.length > 300)
    await one.web.stop()
    await client.end()
    got.push(...client.data())
    const next = await EventClient.open(second + path, client.lastId)
    await next.until(({ events }) => events.length > 300)
    next.close()
    got.push(...next.data())
    const last = await (await EventClient.open(second + path, next.lastId)).end()
    got.push(...last.data())
    expect(got).toEqual(numbers(2_000))
    expect(last.data('end')).toMatchObject([{ state: 'SUCCESS', task: 'count', result: 'done' }])
    expect(last.lastId).toBe('end')
    expect((await EventClient.open(second + path, 'end')).response.statusCode).toBe(204)
  })

  test('many readers, one of them slow, all get all', patient, async () => {
    const app = openApp(settings())
    const { web } = counting(app, 3_000, { stream: { window: 64 } })
    const url = await running(app, web)
    const path = await accepted(url)
    const clients = await Promise.all(numbers(20).map(() => EventClient.open(url + path)))
    const [slow] = clients as [EventClient]
    slow.response.pause()
    await (clients[1] as EventClient).until(({ events }) => events.length > 40)
    slow.response.resume()
    for (const client of await Promise.all(clients.map((each) => each.end()))) {
      expect(client.data()).toEqual(numbers(3_000))
      expect(client.data('end')).toHaveLength(1)
    }
  })

  test('the last client who hangs up stops a task that is abandonable', patient, async () => {
    const app = openApp(settings())
    const { web, ends } = counting(app, Infinity, { abandonable: true, stream: { grace: 100 } })
    const url = await running(app, web)
    const clients = await Promise.all(
      [accepted(url)].flatMap((path) => [path, path]).map(async (path) => EventClient.open(url + (await path))),
    )
    for (const client of clients) await client.until(({ events }) => events.length > 100)
    expect(ends).toEqual([])
    for (const client of clients) client.close()
    await until(() => ends.length > 0)
  })
}

describe('in one process', () => {
  anywhere(() => ({ broker: `memory://${randomUUID()}` }))
})
describe('embedded', () => {
  anywhere(() => ({ broker: `embedded://${temporaryFolder('events')}` }))
})
describeWith(['redis'], 'in Redis', () => {
  const redis = new RedisScene({ isEmptied: true })
  anywhere(() => ({ broker: redis.url(0), backend: redis.url(1), store: redis.url(2) }))
})

test('the head keeps proxies from holding events back, and a comment shows that the connection lives', async () => {
  const app = openApp()
  const url = await running(app, counting(app, 0, {}, { heartbeat: 30 }).web)
  const waits = await EventClient.open(url + (await accepted(url)))
  expect(waits.response.statusCode).toBe(200)
  expect(waits.response.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  })
  await waits.end()
  expect(waits.retryMs).toBe(1000)
  expect(waits.data('end')).toHaveLength(1)
})

test('a task that is no stream tells its progress and its end; only the newest progress counts', async () => {
  const app = openApp()
  const gate = signal()
  const slow = app.task('slow', async () => {
    for (const done of [1, 2, 3]) currentTask().progress({ done })
    await gate.promise
    throw new Error('the password is 12345')
  })
  const url = await running(app, openGateway(app, { heartbeat: 30 }).post('/count', slow, { reply: 'accept' }))
  const path = await accepted(url)
  const client = await EventClient.open(url + path)
  await client.until(({ comments }) => comments > 1)
  expect(client.data('progress').at(-1)).toEqual({ done: 3 })
  const late = await EventClient.open(url + path)
  await late.until(({ events }) => events.length === 1)
  expect(late.events).toEqual([{ id: undefined, event: 'progress', data: { done: 3 } }])
  gate.fire()
  await Promise.all([client.end(), late.end()])
  expect(late.data('end')).toMatchObject([
    { state: 'FAILURE', error: { code: 'TASK_FAILED', message: 'The task failed' } },
  ])
})

test('parts that a later run makes void are told to those who have got them', async () => {
  const app = openApp()
  const gate = signal()
  const fickle = app.task('fickle', async function* () {
    const { retries, retry } = currentTask()
    yield 'first'
    yield `second of run ${retries}`
    if (retries > 0) return
    await gate.promise
    throw retry({ countdown: 0 })
  })
  const url = await running(app, openGateway(app).post('/count', fickle, { reply: 'accept' }))
  const path = await accepted(url)
  const client = await EventClient.open(url + path)
  await client.until(({ events }) => events.length === 2)
  gate.fire()
  await client.end()
  expect(client.events.slice(2, 4)).toMatchObject([
    { event: 'restart', data: { from: 2 } },
    { event: 'part', data: 'second of run 1' },
  ])
})

test('a client that comes too late is told of the parts that are gone', async () => {
  const app = openApp()
  const { web } = counting(app, 5_000, { stream: { window: 4, keep: 4, unread: 'run' } })
  const url = await running(app, web)
  const path = await accepted(url)
  let state = ''
  while (state !== 'SUCCESS') state = ((await ask(url + path.replace('/events', ''))).json as { state: string }).state
  const client = await (await EventClient.open(url + path)).end()
  const [{ through }] = client.data('gap') as [{ through: number }]
  expect(client.data()).toEqual(numbers(5_000 - through, through + 1))
})

test('readers are bounded, and a place is free again when one has left', async () => {
  const app = openApp()
  const gate = signal()
  onTestFinished(() => gate.fire())
  const slow = app.task('slow', () => gate.promise)
  const url = await running(app, openGateway(app, { maxReaders: 1 }).post('/count', slow, { reply: 'accept' }))
  const path = await accepted(url)
  const client = await EventClient.open(url + path)
  const refused = await ask(url + path)
  expect(refused).toMatchObject({ status: 503, json: { error: { code: 'READERS_TOO_MANY' } } })
  expect(refused.headers.get('retry-after')).toBe('5')
  client.close()
  let status = 503
  while (status === 503) {
    const next = await EventClient.open(url + path)
    status = next.response.statusCode as number
    next.close()
  }
  expect(status).toBe(200)
})

test('what cannot be told is refused by name', async () => {
  const app = openApp()
  const url = await started(openGateway(app))
  expect(await ask(`${url}/tasks/nobody/events`)).toMatchObject({ status: 404 })
  expect(await ask(`${url}/tasks/nobody/events`, { headers: { 'last-event-id': 'mine' } })).toMatchObject({
    status: 400,
  })
  expect(await ask(`${url}/tasks/nobody/events`, { method: 'HEAD' })).toMatchObject({ status: 405 })
})
