import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { App } from '../../src/index.ts'
import { type Child, startChild } from '../services/child.ts'
import { withoutDelays } from '../services/delays.ts'
import { describeWith } from '../services/available.ts'
import { Gate } from './bench.ts'
import { ImpatientRabbitmq, TIMEOUT_MS } from './impatient-rabbitmq.ts'

const ROOT = join(import.meta.dirname, '../..')

const soon = { timeout: 60_000, interval: 50 }

describeWith(['rabbitmq'], 'messages that stay in hand longer than the consumer_timeout of RabbitMQ', () => {
  const rabbitmq = new ImpatientRabbitmq()

  async function processOf(queue: string, env: Record<string, string> = {}): Promise<Child> {
    const child = startChild(process.execPath, ['scripts/run-ts.mjs', 'test/worker/worker-process.ts'], {
      cwd: ROOT,
      env: {
        LOVAGE_BROKER_URL: rabbitmq.node.url(),
        LOVAGE_RESULT_BACKEND: undefined,
        QUEUE: queue,
        TIMEOUT: `${TIMEOUT_MS}`,
        ...env,
      },
      name: 'worker process',
    })
    rabbitmq.atEnd(() => child.kill())
    await child.line('ready in')
    return child
  }

  const leaseQueues = async (hostname: string): Promise<string[]> =>
    (await rabbitmq.node.ctl('list_queues', 'name')).filter((name) => name.startsWith(`lovage.lease.${hostname}`))

  test('run once, and no channel is closed: what runs, and what is held for later', async () => {
    const queue = rabbitmq.queue()
    const apps = [rabbitmq.open(queue), rabbitmq.open(queue)]
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
    const workers = await Promise.all(apps.map((app) => rabbitmq.start(app, { hostname: 'two' })))
    const long = await slow?.delay('long')
    const later = await slow?.applyAsync(['later'], { countdown: '8s' })
    const leased = (): number => workers.reduce((sum, made) => sum + made.stats().leased, 0)
    expect(await later?.get({ timeout: '60s' })).toBe('later')
    // Each of two is moved at least once in each half of a timeout.
    await expect.poll(leased, soon).toBeGreaterThan(4)
    expect(await leaseQueues('two')).toHaveLength(2)
    gate.open()
    expect(await long?.get({ timeout: '60s' })).toBe('long')
    expect(begun).toEqual(['long', 'later'])
    for (const made of workers) await expect.poll(() => made.stats()).toMatchObject({ adopted: 0, lost: 0, running: 0 })
    expect(rabbitmq.lost()).toEqual([])
    expect(rabbitmq.node.log()).not.toContain('timed out')
    await Promise.all(workers.map((made) => made.stop()))
    expect(await leaseQueues('two')).toEqual([])
    const { broker } = await (apps[0] as App).client()
    expect((await broker.admin?.depth(queue))?.messages).toBe(0)
  })

  test('are run by another worker when theirs is killed, and their start is counted', async () => {
    const client = rabbitmq.open()
    const queue = client.settings.defaultQueue
    const one = await processOf(queue, { HANG: '1' })
    const result = await client.sendTask<string>('late', ['precious'])
    await one.line('began precious')
    await one.line('message is under a lease')
    const two = await processOf(queue)
    await one.kill()
    expect(await result.get({ timeout: '60s' })).toBe('precious')
    expect(await two.line('began precious')).toBe(`began precious again in ${two.pid}`)
  })

  test('go back to their queue when their worker stops, as if they had never been away', async () => {
    const app = rabbitmq.open()
    const gate = new Gate()
    const slow = app.task('slow', async (label: string) => {
      await gate.passed
      return label
    })
    await withoutDelays(app)
    const one = await rabbitmq.start(app, { concurrency: 1, prefetch: 2, hostname: 'one' })
    const running = await slow.delay('running')
    const held = await slow.applyAsync(['held'], { countdown: '20s' })
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
    await rabbitmq.start(app)
    gate.open()
    expect(await Promise.all([running, held].map((one) => one.get({ timeout: '60s' })))).toEqual(['running', 'held'])
  })

  test('are not lost, and not run twice, when RabbitMQ itself is killed', async () => {
    const app = rabbitmq.open()
    const gate = new Gate()
    const begun: string[] = []
    const slow = app.task('slow', async (label: string) => {
      begun.push(label)
      if (label === 'long') await gate.passed
      return label
    })
    const made = await rabbitmq.start(app)
    const long = await slow.delay('long')
    const later = await slow.applyAsync(['later'], { countdown: '45s' })
    // Its queue of leases has been written down by then.
    await expect.poll(() => made.stats().leased, soon).toBeGreaterThan(3)
    await rabbitmq.node.kill()
    await rabbitmq.node.start()
    const { leased } = made.stats()
    await expect.poll(() => made.stats().leased, soon).toBeGreaterThan(leased + 2)
    gate.open()
    expect(await Promise.all([long, later].map((one) => one.get({ timeout: '60s' })))).toEqual(['long', 'later'])
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 2, running: 0, held: 0, lost: 0 })
    expect(begun).toEqual(['long', 'later'])
    const { broker } = await app.client()
    await expect.poll(async () => (await broker.admin?.depth(app.settings.defaultQueue))?.messages).toBe(0)
  }, 240_000)
})
