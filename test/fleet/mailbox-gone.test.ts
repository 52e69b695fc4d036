import { beforeAll, expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { lovage } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { PATIENT, PATIENT_BROKER } from '../services/patience.ts'

const NODE = 'w1@vm'

describeWith(['rabbitmq'], 'a node whose queue of commands is gone', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  test('has it again, bound as it was, and answers', async () => {
    const app = lovage('gone', { broker: url, ...PATIENT }, { env: {} })
    const made = worker(app, { hostname: NODE, gracePeriod: 0, mingle: false })
    const other = openBroker(url, PATIENT_BROKER)
    try {
      await Promise.all([made.start(), other.start()])
      const ask = { destination: [NODE], timeout: '60s' } as const
      expect(await app.control.ping(ask)).toHaveLength(1)
      const queue = app.pidbox.queueOf(NODE)
      await other.admin?.deleteQueue(queue)
      await expect
        .poll(async () => (await other.admin?.depth(queue))?.consumers ?? 0, { timeout: 60_000, interval: 200 })
        .toBe(1)
      expect(await app.control.ping(ask)).toEqual([{ hostname: NODE, value: { ok: 'pong' } }])
    } finally {
      await made.stop()
      await Promise.all([app.close(), other.stop()])
    }
  })
})
