import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { textMessage, textOf, toQueue, until, within } from '../../src/testing/broker/scene.ts'
import { describeWith, RabbitmqNode } from '../services/rabbitmq.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

async function outcomeOf(probe: Promise<void>): Promise<'free' | 'held'> {
  return probe.then(
    () => 'free',
    () => 'held',
  )
}

describeWith(['rabbitmq'], 'an amqp broker and a RabbitMQ that is hurt', () => {
  let node: RabbitmqNode
  beforeAll(async () => {
    node = await RabbitmqNode.start({ config: ['max_message_size = 1000000'] })
  }, 240_000)
  afterAll(() => node.remove())

  async function withBroker(queue: string, play: (broker: Broker) => Promise<void>): Promise<void> {
    const broker = openBroker(node.url(), PATIENT_BROKER)
    try {
      await broker.start()
      await broker.declare({ queues: [{ name: queue }] })
      await play(broker)
    } finally {
      await broker.stop()
    }
  }

  /** The alarm has reached the connection: rabbitmqctl does not wait for that. */
  const held = async (broker: Broker): Promise<void> => {
    await expect.poll(() => outcomeOf(broker.probe(200)), { timeout: 60_000 }).toBe('held')
  }

  for (const end of ['stop', 'kill'] as const) {
    test(`${end} and start: what was confirmed is there, publishing and consuming go on by themselves`, async () => {
      await withBroker(`restart-${end}`, async (broker) => {
        const to = toQueue(`restart-${end}`)
        const seen: string[] = []
        await Promise.all(['a', 'b'].map((text) => broker.publish(textMessage(text), to)))
        await broker.consume({
          queues: [to.routingKey],
          prefetch: 1,
          // The first stays unsettled over the restart, so that it and what follows must come again.
          onDelivery: (delivery) => {
            seen.push(textOf(delivery))
            if (seen.length > 1) delivery.ack()
          },
        })
        await until('the first was read', () => seen.length === 1)
        // RabbitMQ itself writes down a new queue up to two seconds late; killed before, it forgets queue and messages.
        if (end === 'kill') await node.ctl('eval', 'mnesia:sync_log().')
        await node[end]()
        await until('the loss is seen', () => broker.state === 'lost')
        const meanwhile = broker.publish(textMessage('c'), to, { timeoutMs: 90_000 })
        await node.start()
        await meanwhile
        await expect.poll(() => seen, { timeout: 60_000 }).toEqual(['a', 'a', 'b', 'c'])
      })
    }, 300_000)
  }

  test('a memory alarm holds publishes back until it is lifted, or until their deadline', async () => {
    await withBroker('alarm', async (broker) => {
      await node.memoryAlarm(true)
      try {
        await held(broker)
        const first = broker.publish(textMessage('a'), toQueue('alarm'), { timeoutMs: 60_000 })
        const late = broker.publish(textMessage('late'), toQueue('alarm'), { timeoutMs: 500 })
        await expect(late).rejects.toMatchObject({ code: 'PUBLISH_TIMEOUT' })
        await expect(broker.probe(200)).rejects.toMatchObject({ code: 'PUBLISH_TIMEOUT' })
        expect(broker.state).toBe('connected')
        await node.memoryAlarm(false)
        await first
        await broker.publish(textMessage('b'), toQueue('alarm'))
      } finally {
        await node.memoryAlarm(false)
      }
    })
  })

  test('stop does not wait for a broker that is blocked', async () => {
    const broker = openBroker(node.url(), PATIENT_BROKER)
    await broker.start()
    await broker.declare({ queues: [{ name: 'alarm-stop' }] })
    await node.memoryAlarm(true)
    try {
      await held(broker)
      const sent = expect(
        broker.publish(textMessage('a'), toQueue('alarm-stop'), { timeoutMs: 1500 }),
      ).rejects.toMatchObject({ code: 'PUBLISH_TIMEOUT' })
      await within('it stops', broker.stop())
      await sent
    } finally {
      await node.memoryAlarm(false)
    }
  })

  test('a message that RabbitMQ does not take is MESSAGE_TOO_LARGE for itself alone', async () => {
    await withBroker('large', async (broker) => {
      const large = textMessage('', { body: new Uint8Array(1_000_001) })
      const sent = await Promise.allSettled([
        broker.publish(textMessage('a'), toQueue('large')),
        broker.publish(large, toQueue('large')),
        broker.publish(textMessage('b'), toQueue('large')),
        broker.publish(textMessage('c', { userId: 'somebody else' }), toQueue('large')),
        broker.publish(textMessage('d'), toQueue('large')),
      ])
      expect(sent.map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : 'ok'))).toEqual([
        'ok',
        'MESSAGE_TOO_LARGE',
        'ok',
        'PUBLISH_REFUSED',
        'ok',
      ])
      await broker.admin?.purge('large')
    })
  })

  test('quorum queues are read with one credit over all, declared here or found there', async () => {
    const maker = openBroker(node.url(), PATIENT_BROKER)
    const reader = openBroker(node.url(), PATIENT_BROKER)
    const states: string[] = []
    reader.onState((state) => states.push(state))
    try {
      await Promise.all([maker.start(), reader.start()])
      const queues = ['quorum-1', 'quorum-2']
      await maker.declare({ queues: queues.map((name) => ({ name, arguments: { 'x-queue-type': 'quorum' } })) })
      for (const queue of queues)
        for (const text of ['a', 'b', 'c']) await maker.publish(textMessage(text), toQueue(queue))
      for (const broker of [maker, reader]) {
        const held: (() => boolean)[] = []
        let came = 0
        const consumer = await broker.consume({
          queues,
          prefetch: 2,
          onDelivery: (delivery) => {
            came++
            held.push(() => (broker === maker ? delivery.requeue() : delivery.ack()))
          },
        })
        await until('two came', () => held.length === 2)
        for (let settled = 0; settled < 4; settled++) {
          expect(held.length).toBe(2)
          held.shift()?.()
          await until('the next came', () => held.length === 2)
        }
        expect(came).toBe(6)
        consumer.setPrefetch(3)
        await consumer.cancel()
        for (const settle of held) expect(settle()).toBe(true)
      }
      // Found out the hard way, once: RabbitMQ ends the connection over a credit that a quorum queue does not keep.
      expect(states.filter((state) => state === 'lost').length).toBe(1)
      await until('both are empty', async () => {
        const depths = await Promise.all(queues.map(async (queue) => maker.admin?.depth(queue)))
        return depths.every((depth) => depth?.messages === 0)
      })
    } finally {
      await Promise.all([maker.stop(), reader.stop()])
    }
  })
})
