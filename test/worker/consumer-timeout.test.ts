import { afterAll, beforeAll, expect, test } from 'vitest'
import { lovage } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { describeWith, RabbitmqNode } from '../services/rabbitmq.ts'
import { Gate } from './bench.ts'
import { PATIENT } from '../services/patience.ts'

describeWith(['rabbitmq'], 'messages that stay in hand longer than RabbitMQ likes', () => {
  let node: RabbitmqNode

  beforeAll(async () => {
    node = await RabbitmqNode.start()
    // Its configuration file takes no limit below a minute.
    for (const setting of ['consumer_timeout, 1000', 'channel_tick_interval, 500']) {
      await node.ctl('eval', `application:set_env(rabbit, ${setting}).`)
    }
  }, 240_000)
  afterAll(() => node.remove())

  test('come again, and are known: what runs is not started twice, what is held is held on', async () => {
    const app = lovage('timeout', { broker: node.url(), ...PATIENT }, { env: {} })
    const gate = new Gate()
    const begun: string[] = []
    const slow = app.task('slow', async (label: string) => {
      begun.push(label)
      if (label === 'long') await gate.passed
      return label
    })
    const made = worker(app, { gracePeriod: 0 })
    await made.start()
    const long = await slow.delay('long')
    const later = await slow.applyAsync(['later'], { countdown: '5s' })
    // Both are handed out again at least once before the second one is due.
    await expect.poll(() => made.stats().adopted, { timeout: 60_000, interval: 100 }).toBeGreaterThan(1)
    expect(await later.get({ timeout: '60s' })).toBe('later')
    gate.open()
    expect(await long.get({ timeout: '60s' })).toBe('long')
    expect(begun).toEqual(['long', 'later'])
    // A message that was taken back in the moment of its end comes once more, to be acknowledged then.
    const inQueue = async (): Promise<string | undefined> =>
      (await node.ctl('list_queues', 'name', 'messages')).find((line) => line.startsWith('celery\t'))
    await expect.poll(inQueue, { interval: 500 }).toBe('celery\t0')
    await made.stop()
    const { broker } = await app.client()
    await expect.poll(async () => (await broker.admin?.depth('celery'))?.messages).toBe(0)
    await app.close()
  })
})
