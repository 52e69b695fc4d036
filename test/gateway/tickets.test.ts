import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import { systemClock } from '../../src/base/clock.ts'
import { LovageError } from '../../src/base/errors.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { Tickets } from '../../src/gateway/tickets.ts'
import { describeWith } from '../services/available.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { RedisScene } from '../services/redis-scene.ts'
import { ask, loggedLines, openApp, openGateway, running, signal, started, type Answer } from './open-gateway.ts'

/** An embedded broker takes a while to start on a machine that has much to do. */
const patient = { timeout: 60_000 }

interface Scene {
  readonly app: App
  readonly web: Gateway
  /** Lets the task end. */
  readonly end: () => void
}

/** A gateway with a task that ends when the test says so, or when it is told to. */
function scene(settings: GivenSettings): Scene {
  const gate = signal()
  onTestFinished(() => gate.fire())
  const app = openApp(settings)
  const slow = app.task('slow', async () => {
    const { signal: aborted, progress } = currentTask()
    progress({ done: 1, of: 2 })
    await Promise.race([gate.promise, new Promise((resolve) => aborted.addEventListener('abort', resolve))])
    return 'done'
  })
  return { app, web: openGateway(app).post('/slow', slow, { reply: 'accept' }), end: () => gate.fire() }
}

/** Has a task accepted; resolves to the path of its result. */
async function accepted(url: string): Promise<string> {
  return ((await ask(`${url}/slow`, { method: 'POST' })).json as { location: string }).location
}

/** Asks until the state is that. */
async function stateIs(url: string, state: string): Promise<object> {
  for (;;) {
    const { json } = await ask(url)
    if ((json as { state?: string }).state === state) return json as object
  }
}

const revoke = (url: string): Promise<Answer> => ask(url, { method: 'DELETE' })

function anywhere(settings: () => GivenSettings): void {
  test('any gateway tells of a task that another has accepted, also when that one is gone', patient, async () => {
    const given = settings()
    const one = scene(given)
    const first = await running(one.app, one.web)
    const second = await started(scene(given).web)
    const location = await accepted(first)
    expect(await stateIs(second + location, 'PROGRESS')).toMatchObject({ task: 'slow', progress: { done: 1, of: 2 } })
    await one.web.stop()
    one.end()
    expect(await stateIs(second + location, 'SUCCESS')).toMatchObject({
      task: 'slow',
      ready: true,
      result: 'done',
      times: { accepted: expect.stringMatching(/Z$/) },
    })
  })

  test('any gateway can have a task ended, once', patient, async () => {
    const given = settings()
    const one = scene(given)
    const first = await running(one.app, one.web)
    const second = await started(scene(given).web)
    const location = await accepted(first)
    await stateIs(second + location, 'PROGRESS')
    expect(await revoke(`${second}${location}?terminate=1`)).toMatchObject({
      status: 202,
      json: { revoked: true, terminate: true },
    })
    expect(await stateIs(first + location, 'REVOKED')).toMatchObject({ ready: true, error: { code: 'TASK_REVOKED' } })
    expect(await revoke(second + location)).toMatchObject({ status: 409, json: { error: { code: 'TASK_ENDED' } } })
  })

  test('a task that no client was told of is unknown, whatever the results say', patient, async () => {
    const { app, web, end } = scene(settings())
    const url = await running(app, web)
    end()
    const result = await app.sendTask('slow')
    await result.get()
    expect(await ask(`${url}/tasks/${result.id}`)).toMatchObject({ status: 404 })
    expect(await revoke(`${url}/tasks/${result.id}`)).toMatchObject({ status: 404 })
    expect(await ask(`${url}/tasks/${'x'.repeat(600)}`)).toMatchObject({ status: 404 })
    expect(await ask(`${url}/tasks/%00`)).toMatchObject({ status: 404 })
  })
}

describe('in one process', () => {
  anywhere(() => ({ broker: `memory://${randomUUID()}` }))
})
describe('embedded', () => {
  anywhere(() => ({ broker: `embedded://${temporaryFolder('tickets')}` }))
})
describeWith(['redis'], 'in Redis', () => {
  const redis = new RedisScene({ isEmptied: true })
  anywhere(() => ({ broker: redis.url(0), backend: redis.url(1), store: redis.url(2) }))
})

test('a task that waits is dropped when a client says so, without an answer to whether it runs', async () => {
  const { app, web } = scene({})
  const url = await started(web)
  const location = await accepted(url)
  expect(await revoke(url + location)).toMatchObject({ status: 202, json: { terminate: false } })
  await running(app, openGateway(app))
  expect(await ask(`${url}${location}?terminate=perhaps`, { method: 'DELETE' })).toMatchObject({ status: 400 })
})

test('without results that all can read another gateway says what is missing', async () => {
  const broker = `memory://${randomUUID()}`
  const given = { broker, backend: 'rpc://', store: broker }
  const one = scene(given)
  const first = await running(one.app, one.web)
  const second = await started(scene(given).web)
  const location = await accepted(first)
  expect(await ask(first + location)).toMatchObject({ status: 200 })
  const { status, json } = await ask(second + location)
  expect({ status, json }).toMatchObject({ status: 501, json: { error: { code: 'CAPABILITY_MISSING' } } })
})

test('without a store each gateway knows its own, and no other', async () => {
  const clock = systemClock
  const [one, other] = [0, 1].map(() => new Tickets({ most: 2, ttlMs: 60_000, clock, store: undefined }))
  for (const id of ['a', 'b', 'c']) await one?.give(id, 'slow')
  expect(await one?.get('a')).toBeUndefined()
  expect(await one?.get('c')).toMatchObject({ task: 'slow', gateway: one?.gateway })
  expect(await other?.get('c')).toBeUndefined()
})

test('a store that does not answer keeps no task from being accepted, and that is logged', async () => {
  const lines = loggedLines()
  const store = async (): Promise<never> => {
    throw new LovageError('STORE_UNREACHABLE', { problem: 'gone' })
  }
  const tickets = new Tickets({ most: 2, ttlMs: 60_000, clock: systemClock, store })
  await tickets.give('a', 'slow')
  expect(await tickets.get('a')).toMatchObject({ task: 'slow' })
  await expect(tickets.get('b')).rejects.toThrow('gone')
  expect(lines).toMatchObject([{ level: 'warn', fields: { task: 'slow', id: 'a' } }])
})

test('a ticket ends when results do', async () => {
  let nowMs = 0
  const tickets = new Tickets({ most: 2, ttlMs: 1000, clock: { ...systemClock, now: () => nowMs }, store: undefined })
  await tickets.give('a', 'slow')
  nowMs = 999
  expect(await tickets.get('a')).toBeDefined()
  nowMs = 1000
  expect(await tickets.get('a')).toBeUndefined()
})
