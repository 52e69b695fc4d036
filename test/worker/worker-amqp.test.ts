import { join } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { listDead } from '../../src/broker/dead-letters.ts'
import { type App, currentTask, type GivenSettings, lovage } from '../../src/index.ts'
import type { Message } from '../../src/protocol/message.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { type Worker, worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { mutated } from '../property/mutated-messages.ts'
import { seeded } from '../property/random.ts'
import { type Child, startChild } from '../services/child.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { withoutDelays } from '../services/delays.ts'
import { TcpProxy } from '../services/tcp-proxy.ts'
import { Gate } from './bench.ts'
import { PATIENT } from '../services/patience.ts'

const ROOT = join(import.meta.dirname, '../..')
const patience = { timeout: '60s' } as const

describeWith(['rabbitmq'], 'a worker on RabbitMQ', () => {
  let url: string
  let queues = 0
  const ends: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })

  /** An application with a queue of its own. */
  function open(settings: GivenSettings = {}): App {
    const app = lovage(
      'amqp',
      { ...PATIENT, broker: url, defaultQueue: `worker-${++queues}`, ...settings },
      { env: {} },
    )
    ends.push(() => app.close())
    return app
  }

  async function start(app: App, options: WorkerOptions = {}): Promise<Worker> {
    const made = worker(app, { gracePeriod: 0, ...options })
    ends.push(() => made.stop())
    await made.start()
    return made
  }

  async function send(app: App, message: Message): Promise<void> {
    const { broker } = await app.client()
    await broker.publish(message, { exchange: '', routingKey: app.settings.defaultQueue })
  }

  /** A worker in a process of its own, that reads the queue of an application. */
  async function processOf({ settings }: App, env: Record<string, string> = {}): Promise<Child> {
    const child = startChild(process.execPath, ['scripts/run-ts.mjs', 'test/worker/worker-process.ts'], {
      cwd: ROOT,
      env: { LOVAGE_BROKER_URL: url, LOVAGE_RESULT_BACKEND: undefined, QUEUE: settings.defaultQueue, ...env },
      name: 'worker process',
    })
    ends.push(() => child.kill())
    await child.line('ready in')
    return child
  }

  test('runs what is sent, and the result comes back', async () => {
    const app = open()
    const add = app.task('add', (x: number, y: number) => x + y)
    await start(app)
    expect(await Promise.all([1, 2, 3].map((x) => add.delay(x, 1).get(patience)))).toEqual([2, 3, 4])
  })

  test('tells how far a task is, in order and before its result', async () => {
    const app = open()
    const gate = new Gate()
    const steps = app.task('steps', { trackStarted: true }, async () => {
      await gate.passed
      for (let step = 1; step <= 3; step++) currentTask().progress(step)
      return 'done'
    })
    await start(app)
    const result = await steps.delay()
    const updates: unknown[] = []
    result.onUpdate(({ state, meta }) => void updates.push(state === 'STARTED' ? state : meta))
    gate.open()
    expect(await result.get(patience)).toBe('done')
    expect(updates).toEqual(['STARTED', 1, 2, 3])
  })

  test('retries with a wait, under the same id', async () => {
    const app = open()
    const flaky = app.task('flaky', { maxRetries: 5 }, () => {
      const { retries, retry } = currentTask()
      if (retries < 2) throw retry({ countdown: 20 })
      return retries
    })
    const made = await start(app)
    expect(await flaky.delay().get(patience)).toBe(2)
    // The answer may overtake the counting.
    await expect.poll(() => made.stats()).toMatchObject({ retried: 2, started: 3 })
  })

  test('holds what is for later, and runs what comes behind it', async () => {
    const app = open()
    const echo = app.task('echo', (label: string) => label)
    await withoutDelays(app)
    const made = await start(app, { concurrency: 1 })
    for (let index = 0; index < 20; index++) await echo.applyAsync([`later ${index}`], { countdown: '1h' })
    expect(await echo.delay('now').get(patience)).toBe('now')
    expect(made.stats()).toMatchObject({ held: 20 })
    await made.stop()
    const { broker } = await app.client()
    await expect.poll(async () => (await broker.admin?.depth(app.settings.defaultQueue))?.messages).toBe(20)
  })

  test('gives back to another worker what it has not started, when it stops', async () => {
    const app = open()
    const gate = new Gate()
    const begun: string[] = []
    const wait = app.task('wait', async (label: string) => {
      begun.push(`${label} on ${currentTask().hostname}`)
      await gate.passed
      return label
    })
    const one = await start(app, { concurrency: 1, prefetch: 3, hostname: 'one', gracePeriod: '90s' })
    const results = ['a', 'b', 'c'].map((label) => wait.delay(label))
    await expect.poll(() => one.stats()).toMatchObject({ running: 1, waiting: 2 })
    const stopping = one.stop()
    const two = await start(app, { concurrency: 2, hostname: 'two' })
    await expect.poll(() => begun).toEqual(['a on one', 'b on two', 'c on two'])
    gate.open()
    await stopping
    expect(await Promise.all(results.map((result) => result.get(patience)))).toEqual(['a', 'b', 'c'])
    expect([one.stats().succeeded, one.stats().returned]).toEqual([1, 2])
    // A result is on its way before its message is acknowledged and counted.
    await expect.poll(() => two.stats().succeeded).toBe(2)
  })

  test('goes on with a task while the connection is lost, and does not start it again', async () => {
    const proxy = await TcpProxy.start({ port: Number(new URL(url).port) })
    ends.push(() => proxy.stop())
    const app = open()
    const far = lovage(
      'far',
      { ...PATIENT, broker: proxy.urlFor(url), defaultQueue: app.settings.defaultQueue },
      { env: {} },
    )
    ends.push(() => far.close())
    const gate = new Gate()
    let runs = 0
    far.task('wait', async () => {
      runs++
      await gate.passed
      return 'once'
    })
    const made = await start(far)
    const result = await app.sendTask<string>('wait')
    await expect.poll(() => made.stats().running).toBe(1)
    proxy.cut()
    await expect.poll(() => made.stats(), { timeout: 60_000 }).toMatchObject({ adopted: 1, running: 1 })
    gate.open()
    expect(await result.get(patience)).toBe('once')
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, lost: 0 })
    expect(runs).toBe(1)
    const { broker } = await app.client()
    await made.stop()
    await expect.poll(async () => (await broker.admin?.depth(app.settings.defaultQueue))?.messages).toBe(0)
  })

  test('a result that is ready while the connection is lost arrives when it is back', async () => {
    const proxy = await TcpProxy.start({ port: Number(new URL(url).port) })
    ends.push(() => proxy.stop())
    const app = open()
    const far = lovage(
      'far',
      { ...PATIENT, broker: proxy.urlFor(url), defaultQueue: app.settings.defaultQueue },
      { env: {} },
    )
    ends.push(() => far.close())
    const gate = new Gate()
    let runs = 0
    far.task('wait', () => {
      runs++
      return gate.passed.then(() => 'kept')
    })
    const made = await start(far)
    const result = await app.sendTask<string>('wait')
    await expect.poll(() => made.stats().running).toBe(1)
    proxy.mode = 'refusing'
    proxy.cut()
    gate.open()
    await expect.poll(() => made.stats().running).toBe(0)
    expect(made.stats().succeeded).toBe(0)
    proxy.mode = 'open'
    expect(await result.get({ timeout: '60s' })).toBe('kept')
    await expect.poll(() => made.stats(), { timeout: 60_000 }).toMatchObject({ succeeded: 1 })
    expect(runs).toBe(1)
  })

  test('puts pickle and what it cannot read aside, as it came, and goes on', async () => {
    const app = open()
    const add = app.task('add', (x: number, y: number) => x + y)
    const made = await start(app)
    const body = Buffer.from('80049514000000000000005d94284b024b0365947d947d948794652e', 'hex')
    const pickle = { contentType: 'application/x-python-serialize', contentEncoding: 'binary', body }
    await send(app, encodeTask(newRequest({ id: 'pickle', task: 'add', ...pickle })))
    await send(app, encodeTask(newRequest({ id: 'broken', task: 'add', body: Buffer.from('[[1') })))
    await send(app, encodeTask(newRequest({ id: 'stranger', task: 'nobody', body: encodeBody([], {}) })))
    const { broker } = await app.client()
    const dead = async (): Promise<unknown> =>
      (await listDead(broker, app.settings.defaultQueue)).map(({ id, reason }) => `${id} ${reason.code}`).toSorted()
    const reasons = ['broken BODY_UNDECODABLE', 'pickle CONTENT_REFUSED', 'stranger TASK_UNKNOWN']
    await expect.poll(dead, { timeout: 60_000 }).toEqual(reasons)
    const letters = await listDead(broker, app.settings.defaultQueue)
    expect(Buffer.from(letters.find(({ id }) => id === 'pickle')?.message.body ?? [])).toEqual(body)
    expect(await add.delay(1, 2).get(patience)).toBe(3)
    await expect.poll(() => made.stats()).toMatchObject({ dead: 3, succeeded: 1 })
  })

  test('outlives 500 random and mutated messages', async () => {
    const app = open()
    const add = app.task('add', (x: number, y: number) => x + y)
    const made = await start(app)
    let sent = 0
    for (let seed = 7_000; sent < 500; seed++) {
      // What the broker itself refuses to carry never comes to a worker.
      await send(app, { ...mutated(seeded(seed)), replyTo: '' }).then(
        () => sent++,
        () => {},
      )
    }
    const ended = (): number => {
      const { succeeded, failed, revoked, dead, held } = made.stats()
      // An unknown task is both a failure and a dead letter.
      return Math.max(succeeded + failed + revoked, dead) + held
    }
    await expect.poll(ended, { timeout: 60_000 }).toBeGreaterThan(250)
    expect(await add.delay(1, 2).get(patience)).toBe(3)
    await expect.poll(() => made.stats()).toMatchObject({ running: 0, waiting: 0, lost: 0 })
    expect(made.stats().received).toBeGreaterThan(499)
  })

  test('that is killed in mid-task has it run by another, and the caller has one answer', async () => {
    const client = open()
    const one = await processOf(client, { HANG: '1' })
    const result = await client.sendTask<string>('late', ['precious'])
    expect(await one.line('began precious')).toBe(`began precious in ${one.pid}`)
    const two = await processOf(client)
    await one.kill()
    expect(await result.get(patience)).toBe('precious')
    expect(await two.line('began precious')).toBe(`began precious again in ${two.pid}`)
  })

  test('that is killed runs no task twice that was acknowledged early', async () => {
    const client = open()
    const one = await processOf(client, { HANG: '1' })
    await client.sendTask('early', ['at most once'])
    await one.line('began at most once')
    await one.kill()
    const two = await processOf(client)
    expect(await client.sendTask('late', ['marker']).get(patience)).toBe('marker')
    expect(two.lines.filter((line) => line.startsWith('began'))).toEqual([`began marker in ${two.pid}`])
  })

  test('that is told to stop gives everything back in time, and ends with exit code 0', async () => {
    const client = open()
    const one = await processOf(client, { HANG: '1' })
    const results = ['a', 'b', 'c', 'd'].map((label) => client.sendTask<string>('late', [label]))
    await Promise.all(results)
    await one.line('began a')
    await one.line('began b')
    one.signal('SIGTERM')
    expect(await one.line('stopped')).toContain('returned 4')
    expect(await one.ended()).toEqual({ code: 0, signal: null })
    await processOf(client)
    expect(await Promise.all(results.map((result) => result.get(patience)))).toEqual(['a', 'b', 'c', 'd'])
  })
})
