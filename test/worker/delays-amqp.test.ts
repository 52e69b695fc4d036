import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { type App, currentTask } from '../../src/index.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { makeDelays } from '../services/delays.ts'
import { describeWith } from '../services/available.ts'
import { PATIENT } from '../services/patience.ts'
import { ImpatientRabbitmq } from './impatient-rabbitmq.ts'

describeWith(['rabbitmq'], 'tasks for later than the consumer_timeout of RabbitMQ', () => {
  const rabbitmq = new ImpatientRabbitmq((node) => makeDelays(node.url()))

  const noChannelLost = (): void => {
    expect(rabbitmq.lost()).toEqual([])
    expect(rabbitmq.node.log()).not.toContain('timed out')
  }

  describe.each(['classic', 'quorum'] as const)('on a %s queue', (type) => {
    const openOn = async (): Promise<App> => {
      const queue = `${type}-${rabbitmq.queue()}`
      const app = rabbitmq.open(queue, PATIENT)
      if (type === 'classic') return app
      // The application has no option for it: what it declares is made a quorum queue here.
      const { broker } = await app.client()
      const declare = broker.declare.bind(broker)
      broker.declare = async ({ queues = [], ...topology }) =>
        declare({ ...topology, queues: queues.map((spec) => ({ ...spec, arguments: { 'x-queue-type': 'quorum' } })) })
      return app
    }

    test('a countdown and five retries past it run once each, and no channel is closed', async () => {
      const app = await openOn()
      const ran: [number, number][] = []
      const task = app.task('again', { maxRetries: 5 }, (label: string) => {
        const { retries, retry } = currentTask()
        ran.push([retries, systemClock.now()])
        if (retries < 5) throw retry({ countdown: '2500ms' })
        return label
      })
      const made = await rabbitmq.start(app)
      const beganMs = systemClock.now()
      const result = await task.applyAsync(['done'], { countdown: '8s' })
      expect(await result.get({ timeout: '60s' })).toBe('done')
      expect(ran.map(([retries]) => retries)).toEqual([0, 1, 2, 3, 4, 5])
      // Never before its time.
      expect((ran[0]?.[1] ?? 0) - beganMs).toBeGreaterThanOrEqual(8000)
      for (let i = 1; i < ran.length; i++) {
        expect((ran[i]?.[1] ?? 0) - (ran[i - 1]?.[1] ?? 0)).toBeGreaterThanOrEqual(2500)
      }
      await expect.poll(() => made.stats()).toMatchObject({ retried: 5, adopted: 0, lost: 0, held: 0 })
      noChannelLost()
    })

    test('what somebody put into the queue long before its time waits elsewhere, and runs once', async () => {
      const app = await openOn()
      const queue = app.settings.defaultQueue
      const ran: string[] = []
      app.task('echo', (label: string) => void ran.push(label))
      const made = await rabbitmq.start(app)
      const { broker } = await app.client()
      const eta = new Date(systemClock.now() + 10_000).toISOString()
      for (let index = 0; index < 20; index++) {
        const body = encodeBody([`m${index}`], {})
        const message = encodeTask(newRequest({ id: `${type}-${index}`, task: 'echo', eta, body }))
        await broker.publish(message, { exchange: '', routingKey: queue })
      }
      await expect.poll(() => made.stats(), { timeout: 60_000 }).toMatchObject({ kept: 20, held: 0 })
      await expect.poll(() => ran.length, { timeout: 60_000 }).toBe(20)
      expect(systemClock.now()).toBeGreaterThanOrEqual(Date.parse(eta))
      expect(new Set(ran).size).toBe(20)
      noChannelLost()
    })
  })

  test('wait through the death of everybody: the worker, the sender and the server', async () => {
    const queue = rabbitmq.queue()
    const sender = rabbitmq.open(queue, PATIENT)
    const task = sender.task('echo', (label: string) => label)
    const atMs = systemClock.now() + 20_000
    for (let index = 0; index < 200; index++) await task.applyAsync([`m${index}`], { eta: new Date(atMs) })
    await sender.close()
    await rabbitmq.node.kill()
    await rabbitmq.node.start()
    const ran: [string, number][] = []
    const app = rabbitmq.open(queue, PATIENT)
    app.task('echo', (label: string) => void ran.push([label, systemClock.now()]))
    await rabbitmq.start(app)
    await expect.poll(() => ran.length, { timeout: 60_000, interval: 100 }).toBe(200)
    expect(new Set(ran.map(([label]) => label)).size).toBe(200)
    expect(Math.min(...ran.map(([, ms]) => ms))).toBeGreaterThanOrEqual(atMs)
  }, 300_000)
})
