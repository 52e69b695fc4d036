import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { textMessage, toQueue, until } from '../../../src/testing/broker/scene.ts'
import { describeWith } from '../../services/available.ts'
import { RedisScene, scriptsRun } from '../../services/redis-scene.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'

describeWith(['redis'], 'acknowledgements', () => {
  const redis = new RedisScene()

  test('go along with the next taking, and by themselves when there is none', async () => {
    const broker = openBroker(redis.url(), PATIENT_BROKER)
    await broker.start()
    const queue = randomUUID()
    await broker.declare({ queues: [{ name: queue }] })
    await Promise.all(Array.from({ length: 100 }, (_, i) => broker.publish(textMessage(String(i)), toQueue(queue))))
    const before = await scriptsRun(redis)
    let left = 100
    await new Promise<void>((resolve) => {
      const onDelivery = (delivery: { ack(): boolean }): void => {
        delivery.ack()
        if (--left === 0) resolve()
      }
      void broker.consume({ queues: [queue], prefetch: 1, onDelivery })
    })
    await until(
      'nothing is left of them',
      async () => (await redis.raw.exists('unacked', 'unacked_index', queue)) === 0,
    )
    // One for each, and what a consumer begins and a broker goes on with; not two for each.
    expect((await scriptsRun(redis)) - before).toBeLessThan(130)
    await broker.stop()
  })

  test('are the last of three scripts for a message: the readers of other queues are not woken', async () => {
    const broker = openBroker(redis.url(), PATIENT_BROKER)
    await broker.start()
    const queues = Array.from({ length: 5 }, () => randomUUID())
    await broker.declare({ queues: queues.map((name) => ({ name })) })
    let onCame = (_text: string): void => {}
    for (const queue of queues) {
      const onDelivery = (delivery: Delivery): void => {
        delivery.ack()
        onCame(Buffer.from(delivery.message.body).toString())
      }
      await broker.consume({ queues: [queue], prefetch: 10, onDelivery })
    }
    const send = async (text: string, queue: string): Promise<void> => {
      const came = new Promise<void>((resolve) => (onCame = (one) => one === text && resolve()))
      await broker.publish(textMessage(text), toQueue(queue))
      await came
    }
    for (const queue of queues) await send(`first ${queue}`, queue)
    const before = await scriptsRun(redis)
    for (let i = 0; i < 20; i++) await send(String(i), queues[i % 5] as string)
    await until('nothing is left of them', async () => (await redis.raw.exists('unacked', 'unacked_index')) === 0)
    // To send it, to take it, to acknowledge it; and what a broker goes on with.
    expect((await scriptsRun(redis)) - before).toBeLessThan(80)
    await broker.stop()
  })

  test('leave a consumer, whose takings run abreast, no more than it asked for, and each once and in order', async () => {
    const broker = openBroker(redis.url(), PATIENT_BROKER)
    await broker.start()
    const queue = randomUUID()
    await broker.declare({ queues: [{ name: queue }] })
    const texts = Array.from({ length: 1000 }, (_, i) => String(i))
    await Promise.all(texts.map((text) => broker.publish(textMessage(text), toQueue(queue))))
    const before = await scriptsRun(redis)
    const came: string[] = []
    let inHand = 0
    let mostInHand = 0
    await new Promise<void>((resolve) => {
      const onDelivery = (delivery: Delivery): void => {
        came.push(Buffer.from(delivery.message.body).toString())
        mostInHand = Math.max(mostInHand, ++inHand)
        setImmediate(() => {
          inHand--
          delivery.ack()
          if (came.length === texts.length && inHand === 0) resolve()
        })
      }
      void broker.consume({ queues: [queue], prefetch: 50, onDelivery })
    })
    expect(came).toEqual(texts)
    expect(mostInHand).toBeLessThanOrEqual(50)
    await until('nothing is left of them', async () => (await redis.raw.exists('unacked', 'unacked_index')) === 0)
    expect((await scriptsRun(redis)) - before).toBeLessThan(200)
    await broker.stop()
  })
})
