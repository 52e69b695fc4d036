import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import type { Broker, BrokerDelays } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { Inbox, textMessage, toQueue } from '../../../src/testing/broker/scene.ts'
import { makeDelays } from '../../services/delays.ts'
import { describeWith, RabbitmqNode } from '../../services/rabbitmq.ts'

describeWith(['rabbitmq'], 'messages for later on RabbitMQ', () => {
  let node: RabbitmqNode
  const open: Broker[] = []

  beforeAll(async () => {
    node = await RabbitmqNode.start()
    await makeDelays(node.url())
  }, 300_000)
  afterEach(async () => {
    await Promise.all(open.splice(0).map((broker) => broker.stop()))
  })
  afterAll(async () => {
    await node?.remove()
  })

  const started = async (): Promise<{ broker: Broker; delays: BrokerDelays }> => {
    const broker = openBroker(node.url(), { publishTimeoutMs: 20_000, connectTimeoutMs: 20_000 })
    open.push(broker)
    await broker.start()
    const { delays } = broker
    if (!delays) throw new Error('there are no delays')
    return { broker, delays }
  }
  const later = (delays: BrokerDelays, queue: string, inMs = 1500): Promise<string> =>
    delays.publish(textMessage('later'), toQueue(queue), systemClock.now() + inMs)
  const read = async (broker: Broker, queue: string): Promise<Inbox> => {
    const inbox = new Inbox()
    inbox.consumer = await broker.consume({ queues: [queue], prefetch: 0, onDelivery: (one) => inbox.take(one) })
    return inbox
  }

  test('a queue that was deleted and declared anew gets what is sent to it then', async () => {
    const { broker, delays } = await started()
    const queues = [{ name: 'anew' }]
    await broker.declare({ queues })
    expect(await later(delays, 'anew', 60_000)).toBe('kept')
    await broker.admin?.deleteQueue('anew')
    await broker.declare({ queues })
    expect(await later(delays, 'anew')).toBe('kept')
    const inbox = await read(broker, 'anew')
    expect(await inbox.texts(1)).toEqual(['later'])
  })

  test('what waits for a queue that is gone holds up nothing that waits for others', async () => {
    const { broker, delays } = await started()
    await broker.declare({ queues: [{ name: 'gone' }, { name: 'there' }] })
    const kept = await Promise.all(Array.from({ length: 100 }, () => later(delays, 'gone')))
    expect(new Set(kept)).toEqual(new Set(['kept']))
    await broker.admin?.deleteQueue('gone')
    await later(delays, 'there', 3500)
    const inbox = await read(broker, 'there')
    expect(await inbox.texts(1)).toEqual(['later'])
  })
})
