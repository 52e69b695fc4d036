import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type GivenSettings, lovage } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import { PATIENT } from '../services/patience.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { judgeAll } from './canvas-model.ts'

const COUNT = 40

let redis: RedisNode | undefined
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

/** Random canvases, as in canvas.test.ts, over real servers. */
async function problemsOn(settings: GivenSettings): Promise<string[]> {
  const from = Number(process.env['CANVAS_SEED'] ?? 20_261_121)
  const app = lovage('canvases', { ...PATIENT, ...settings }, { env: {} })
  const made = worker(app, { gracePeriod: 0 })
  await made.start()
  try {
    return await judgeAll(
      app,
      [...Array(COUNT).keys()].map((nth) => from + nth),
    )
  } finally {
    await made.stop()
    await app.close()
  }
}

describeWith(['rabbitmq'], 'RabbitMQ with results over rpc', () => {
  test(`${COUNT} random canvases, their chords in the store`, async () => {
    expect(
      await problemsOn({
        broker: await brokerUrl(import.meta.url),
        backend: 'rpc://',
        store: `memory://${randomUUID()}`,
      }),
    ).toEqual([])
  }, 240_000)

  test(`${COUNT} random canvases, each of their chords in a queue of its own`, async () => {
    expect(await problemsOn({ broker: await brokerUrl(import.meta.url), backend: 'rpc://' })).toEqual([])
  }, 240_000)
})

describeWith(['redis'], 'Redis with results in Redis', () => {
  test(`${COUNT} random canvases, their chords under Celery's keys`, async () => {
    expect(await problemsOn({ broker: redis?.url(0), backend: redis?.url(1) } as GivenSettings)).toEqual([])
  }, 240_000)
})
