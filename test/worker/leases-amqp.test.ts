import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { type App, lovage } from '../../src/index.ts'
import { type Worker, worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { type Child, startChild } from '../services/child.ts'
import { withoutDelays } from '../services/delays.ts'
import { describeWith, RabbitmqNode } from '../services/rabbitmq.ts'
import { Gate } from './bench.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Of the node. */
const TIMEOUT_MS = 2_000

const soon = { timeout: 30_000, interval: 50 }

describeWith(['rabbitmq'], 'messages that stay in hand longer than the consumer_timeout of RabbitMQ', () => {
  let node: RabbitmqNode
  let queues = 0
  const ends: (() => Promise<unknown>)[] = []
  const records: LogRecord[] = []
  let stopListening: () => void

  beforeAll(async () => {
    // Its other configuration file takes no limit below a minute.
    const settings = `[{consumer_timeout, ${TIMEOUT_MS}}, {channel_tick_interval, 200}]`
    node = await RabbitmqNode.start({ advanced: `[{rabbit, ${settings}}].` })
    stopListening = onLog((record) => void records.push(record))
  }, 120_000)
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
    records.length = 0
  })
  afterAll(async () => {
    stopListening?.()
    await node.remove()
  })

  function open(queue = `long-${++queues}`): App {
    const app = lovage('long', { broker: node.url(), defaultQueue: queue }, { env: {} })
    ends.push(() => app.close())
    return app
  }

  async function start(app: App, options: WorkerOptions = {}): Promise<Worker> {
    const made = worker(app, { gracePeriod: 0, consumerTimeout: TIMEOUT_MS, ...options })
    ends.push(() => made.stop())
    await made.start()
    return made
  }

  async function processOf(queue: string, env: Record<string, string> = {}): Promise<Child> {
    const child = startChild(process.execPath, ['scripts/run-ts.mjs', 'test/worker/worker-process.ts'], {
      cwd: ROOT,
      env: {
        LOVAGE_BROKER_URL: node.url(),
        LOVAGE_RESULT_BACKEND: undefined,
        QUEUE: queue,
        TIMEOUT: `${TIMEOUT_MS}`,
        ...env,
      },
      name: 'worker process',
    })
    ends.push(() => child.kill())
    await child.line('ready in', { timeoutMs: 30_000 })
    return child
  }

  const lost = (): LogRecord[] => records.filter(({ message }) => /no channel|connection/.test(message))
  const leaseQueues = async (hostname: string): Promise<string[]> =>
    (await node.ctl('list_queues', 'name')).filter((name) => name.startsWith(`lovage.lease.${hostname}`))

  test('run once, and no channel is closed: what runs, and what is held for later', async () => {
    const queue = `long-${++queues}`
    const apps = [open(queue), open(queue)]
    const gate = new Gate()
    const begun: string[] = []
    const [slow] = apps.map((app) =>
      app.task('slow', async (label: string) => {
        begun.push(label)
        if (label === 'long') await gate.passed
        return label
      }),
    )
    for (const app of apps) await withoutDelays(app)
    const workers = await Promise.all(apps.map((app) => start(app, { hostname: 'two' })))
    const long = await slow?.delay('long')
    const later = await slow?.applyAsync(['later'], { countdown: '6s' })
    const leased = (): number => workers.reduce((sum, made) => sum + made.stats().leased, 0)
    expect(await later?.get({ timeout: '30s' })).toBe('later')
    // Each of two is moved at least once in each half of a timeout.
    await expect.poll(leased, soon).toBeGreaterThan(10)
    expect(await leaseQueues('two')).toHaveLength(2)
    gate.open()
    expect(await long?.get({ timeout: '20s' })).toBe('long')
    expect(begun).toEqual(['long', 'later'])
    for (const made of workers) await expect.poll(() => made.stats()).toMatchObject({ adopted: 0, lost: 0, running: 0 })
    expect(lost()).toEqual([])
    expect(node.log()).not.toContain('timed out')
    await Promise.all(workers.map((made) => made.stop()))
    expect(await leaseQueues('two')).toEqual([])
    const { broker } = await (apps[0] as App).client()
    expect((await broker.admin?.depth(queue))?.messages).toBe(0)
  }, 60_000)

  test('are run by another worker when theirs is killed, and their start is counted', async () => {
    const client = open()
    const queue = client.settings.defaultQueue
    const one = await processOf(queue, { HANG: '1' })
    const result = await client.sendTask<string>('late', ['precious'])
    await one.line('began precious')
    await one.line('message is under a lease', { timeoutMs: 30_000 })
    const two = await processOf(queue)
    await one.kill()
    expect(await result.get({ timeout: '30s' })).toBe('precious')
    expect(await two.line('began precious')).toBe(`began precious again in ${two.pid}`)
  }, 60_000)

  test('go back to their queue when their worker stops, as if they had never been away', async () => {
    const app = open()
    const gate = new Gate()
    const slow = app.task('slow', async (label: string) => {
      await gate.passed
      return label
    })
    await withoutDelays(app)
    const one = await start(app, { concurrency: 1, prefetch: 2, hostname: 'one' })
    const running = await slow.delay('running')
    const held = await slow.applyAsync(['held'], { countdown: '5s' })
    await expect.poll(() => one.stats().leased, soon).toBeGreaterThan(2)
    // At once: when it is due it waits for a slot, and what waits for that goes back to its queue and comes again.
    await one.stop()
    expect(one.stats()).toMatchObject({ returned: 2 })
    expect(await leaseQueues('one')).toEqual([])
    const { broker } = await app.client()
    const headers: unknown[] = []
    await broker.admin?.visit(app.settings.defaultQueue, 10, ({ message, redelivered }) => {
      headers.push([Object.keys(message.headers).filter((name) => /starts|lease|death/.test(name)), redelivered])
    })
    expect(headers).toEqual([
      [[], false],
      [[], false],
    ])
    await start(app)
    gate.open()
    expect(await Promise.all([running, held].map((one) => one.get({ timeout: '30s' })))).toEqual(['running', 'held'])
  }, 60_000)

  test('are not lost, and not run twice, when RabbitMQ itself is killed', async () => {
    const app = open()
    const gate = new Gate()
    const begun: string[] = []
    const slow = app.task('slow', async (label: string) => {
      begun.push(label)
      if (label === 'long') await gate.passed
      return label
    })
    const made = await start(app)
    const long = await slow.delay('long')
    const later = await slow.applyAsync(['later'], { countdown: '35s' })
    // Its queue of leases has been written down by then.
    await expect.poll(() => made.stats().leased, soon).toBeGreaterThan(12)
    await node.kill()
    await node.start()
    const { leased } = made.stats()
    await expect.poll(() => made.stats().leased, soon).toBeGreaterThan(leased + 2)
    gate.open()
    expect(await Promise.all([long, later].map((one) => one.get({ timeout: '40s' })))).toEqual(['long', 'later'])
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 2, running: 0, held: 0, lost: 0 })
    expect(begun).toEqual(['long', 'later'])
    const { broker } = await app.client()
    await expect.poll(async () => (await broker.admin?.depth(app.settings.defaultQueue))?.messages).toBe(0)
  }, 120_000)
})
