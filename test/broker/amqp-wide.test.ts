import { beforeAll, expect, test } from 'vitest'
import type { Broker, Consumer, Delivery } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { textMessage, textOf, toQueue, until, within } from '../../src/testing/broker/scene.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

/** So many that their credit is on several channels, and the last of these has only a part of one. */
const COUNT = 2_700

describeWith(['rabbitmq'], 'a large credit on RabbitMQ', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  test.each(['classic', 'quorum'])('of a %s queue is there in all, and acks may come in any order', async (type) => {
    await scene(url, `wide-${type}`, type, async ({ broker, queue, hands, consumer, channels }) => {
      await until('all are in hand', () => hands.length === COUNT)
      expect(new Set(hands.map(textOf)).size).toBe(COUNT)
      expect(await channels()).toBe(6)
      // Each third, from the last to the first, goes back; of these the first that come again do so within the credit.
      for (const delivery of hands.filter((_, i) => i % 3 !== 0).reverse()) expect(delivery.ack()).toBe(true)
      const back = hands.filter((_, i) => i % 3 === 0)
      for (const delivery of back) expect(delivery.requeue()).toBe(true)
      await until('those came again', () => hands.length === COUNT + back.length)
      for (const delivery of hands.slice(COUNT)) {
        expect(delivery.redelivered).toBe(true)
        delivery.ack()
      }
      await within('the consumer ends', consumer.cancel())
      await until('all channels are closed', async () => (await channels()) === 0)
      expect(await broker.admin?.depth(queue)).toEqual({ queue, messages: 0, consumers: 0 })
    })
  })

  test('that sinks is on one channel, and what is in hand elsewhere stays ours until it is settled', async () => {
    await scene(url, 'sinking', 'classic', async ({ broker, queue, hands, consumer, channels }) => {
      await until('all are in hand', () => hands.length === COUNT)
      consumer.setPrefetch(5)
      await until('one channel reads', async () => (await channels()) === 1)
      for (let i = 0; i < 20; i++) await broker.publish(textMessage(`more ${i}`), toQueue(queue))
      expect(hands.every(({ isOurs }) => isOurs)).toBe(true)
      for (const delivery of hands.slice(0, COUNT)) expect(delivery.ack()).toBe(true)
      await until('five more are in hand', () => hands.length === COUNT + 5)
      expect((await broker.admin?.depth(queue))?.messages).toBe(15)
    })
  })

  test('reads on after its queue was deleted and made anew, on every channel', async () => {
    await scene(url, 'remade', 'classic', async ({ broker, queue, hands, channels }) => {
      await until('all are in hand', () => hands.length === COUNT)
      const other = openBroker(url, PATIENT_BROKER)
      await other.start()
      await other.admin?.deleteQueue(queue)
      await other.stop()
      await until('all channels read again', async () => (await channels()) === 6)
      for (const delivery of hands.splice(0)) delivery.ack()
      await Promise.all(Array.from({ length: COUNT }, (_, i) => broker.publish(textMessage(`${i}`), toQueue(queue))))
      await until('all are in hand again', () => hands.length === COUNT)
      expect(new Set(hands.map(textOf)).size).toBe(COUNT)
    })
  })
})

interface Wide {
  broker: Broker
  queue: string
  hands: Delivery[]
  consumer: Consumer
  /** On how many the queue is read. */
  channels: () => Promise<number | undefined>
}

/** A full queue, and a reader who takes all of it and settles nothing. */
async function scene(url: string, queue: string, type: string, play: (wide: Wide) => Promise<void>): Promise<void> {
  const broker = openBroker(url, { publishTimeoutMs: 60_000 })
  await broker.start()
  try {
    await broker.declare({ queues: [{ name: queue, arguments: { 'x-queue-type': type } }] })
    await Promise.all(Array.from({ length: COUNT }, (_, i) => broker.publish(textMessage(`${i}`), toQueue(queue))))
    const hands: Delivery[] = []
    const onDelivery = (delivery: Delivery): void => void hands.push(delivery)
    const consumer = await broker.consume({ queues: [queue], prefetch: COUNT, onDelivery })
    const channels = async (): Promise<number | undefined> => (await broker.admin?.depth(queue))?.consumers
    await play({ broker, queue, hands, consumer, channels })
  } finally {
    await broker.stop()
  }
}
