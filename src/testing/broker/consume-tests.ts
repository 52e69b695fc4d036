import type { Delivery } from '../../broker/broker.ts'
import { type SuiteContext, textMessage, textOf, toQueue, until, within } from './scene.ts'

export function consumeTests({ scene, expect }: SuiteContext): void {
  scene('a delivery tells its queue and how it was published', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'x')
    const delivery = await (await s.inbox(queue)).next()
    expect(delivery).toMatchObject({ queue, exchange: '', routingKey: queue, redelivered: false })
  })

  scene('no delivery comes before consume has resolved', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a', 'b')
    let isResolved = false
    const early: Delivery[] = []
    const came = new Promise<void>((resolve, reject) => {
      const onDelivery = (delivery: Delivery): void => {
        if (!isResolved) early.push(delivery)
        resolve()
      }
      s.broker.consume({ queues: [queue], prefetch: 2, onDelivery }).then(() => (isResolved = true), reject)
    })
    await within('a delivery comes', came)
    expect(early.length).toBe(0)
  })

  scene('prefetch is one credit over all queues of the consumer', async (s) => {
    const [one, two] = [await s.queue(), await s.queue()]
    await s.send(one, 'a', 'b', 'c')
    await s.send(two, 'd', 'e', 'f')
    const inbox = await s.inbox([one, two], { prefetch: 2 })
    const held = [await inbox.next(), await inbox.next()]
    for (let settled = 0; settled < 4; settled++) {
      await until('the rest waits', async () => (await waiting(one)) + (await waiting(two)) === 4 - settled)
      expect(inbox.all.length).toBe(2 + settled)
      held.shift()?.ack()
      held.push(await inbox.next())
    }
    for (const delivery of held) delivery.ack()
    expect(inbox.all.map(textOf).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])

    async function waiting(queue: string): Promise<number> {
      return (await s.broker.admin?.depth(queue))?.messages ?? 0
    }
  })

  scene('setPrefetch gives and takes credit while running', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a', 'b', 'c', 'd', 'e')
    const inbox = await s.inbox(queue, { prefetch: 1 })
    const first = await inbox.next()
    await s.untilWaiting(queue, 4)
    inbox.consumer.setPrefetch(3)
    const [second, third] = [await inbox.next(), await inbox.next()]
    await s.untilWaiting(queue, 2)
    inbox.consumer.setPrefetch(1)
    // A probe after it: the broker has heard of the smaller credit before the acks.
    await s.broker.probe(5000)
    first.ack()
    second.ack()
    await s.send(queue, 'f')
    await s.untilWaiting(queue, 3)
    expect(inbox.all.length).toBe(3)
    third.ack()
    expect(textOf(await inbox.next())).toBe('d')
  })

  scene('prefetch 0 is no limit', async (s) => {
    const queue = await s.queue()
    const texts = Array.from({ length: 1500 }, (_, i) => String(i))
    await Promise.all(texts.map((text) => s.broker.publish(textMessage(text), toQueue(queue))))
    const inbox = await s.inbox(queue, { prefetch: 0 })
    await until('all came', () => inbox.all.length === texts.length)
    expect(inbox.all.map(textOf)).toEqual(texts)
    for (const delivery of inbox.all) delivery.ack()
  })

  scene('each delivery is settled once: all further calls are false', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a', 'b', 'c')
    const inbox = await s.inbox(queue, { prefetch: 3 })
    const [a, b, c] = [await inbox.next(), await inbox.next(), await inbox.next()]
    expect([a.isOurs, b.isOurs, c.isOurs]).toEqual([true, true, true])
    expect([a.ack(), a.ack(), a.requeue(), a.reject()]).toEqual([true, false, false, false])
    expect([a.isOurs, b.isOurs]).toEqual([false, true])
    expect([b.reject(), b.ack()]).toEqual([true, false])
    expect([c.requeue(), c.ack()]).toEqual([true, false])
    const again = await inbox.next()
    expect([textOf(again), again.redelivered, again.ack()]).toEqual(['c', true, true])
    await s.broker.stop()
    await s.broker.start()
    await s.untilWaiting(queue, 0)
  })

  scene('a delivery is not ours once the broker has stopped', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a')
    const reader = await s.another()
    const delivery = await (await s.inbox(queue, { broker: reader })).next()
    expect(delivery.isOurs).toBe(true)
    await reader.stop()
    expect([delivery.isOurs, delivery.ack()]).toEqual([false, false])
    await s.untilWaiting(queue, 1)
  })

  scene('what is requeued goes to its old place', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a', 'b', 'c', 'd')
    const inbox = await s.inbox(queue, { prefetch: 3 })
    const [a, b, c] = [await inbox.next(), await inbox.next(), await inbox.next()]
    await inbox.consumer.cancel()
    b.requeue()
    a.requeue()
    c.requeue()
    await s.untilWaiting(queue, 4)
    expect(await (await s.inbox(queue, { prefetch: 1 })).texts(4)).toEqual(['a', 'b', 'c', 'd'])
  })

  scene('what is requeued can go to another consumer', async (s) => {
    const queue = await s.queue()
    const one = await s.inbox(queue, { prefetch: 1 })
    await s.send(queue, 'x')
    const mine = await one.next()
    const two = await s.inbox(queue, { broker: await s.another() })
    await one.consumer.cancel()
    expect(mine.requeue()).toBe(true)
    const hers = await two.next()
    expect([textOf(hers), hers.redelivered]).toEqual(['x', true])
  })

  scene('cancel ends the deliveries; what is unsettled stays ours', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a', 'b', 'c')
    const inbox = await s.inbox(queue, { prefetch: 1 })
    const first = await inbox.next()
    await inbox.consumer.cancel()
    await inbox.consumer.cancel()
    expect(first.ack()).toBe(true)
    await s.send(queue, 'd')
    await s.untilWaiting(queue, 3)
    expect(inbox.all.length).toBe(1)
    expect(await (await s.inbox(queue)).texts(3)).toEqual(['b', 'c', 'd'])
  })

  scene('what is on its way while cancel is called is handed over or goes back, each once', async (s) => {
    const queue = await s.queue()
    const inbox = await s.inbox(queue, { prefetch: 20 })
    await s.send(queue, 'first')
    expect(await inbox.texts(1)).toEqual(['first'])
    const texts = Array.from({ length: 60 }, (_, i) => String(i))
    const sent = texts.map((text) => s.broker.publish(textMessage(text), toQueue(queue)))
    await Promise.all([...sent.slice(0, 30), inbox.consumer.cancel(), ...sent.slice(30)])
    const [, ...seen] = inbox.all
    for (const delivery of seen) expect(delivery.ack()).toBe(true)
    const rest = await (await s.inbox(queue)).texts(texts.length - seen.length)
    expect([...seen.map(textOf), ...rest].toSorted()).toEqual(texts.toSorted())
    await s.untilWaiting(queue, 0)
  })

  scene('several consumers share a queue', async (s) => {
    const queue = await s.queue()
    const [one, two] = [await s.inbox(queue, { prefetch: 1 }), await s.inbox(queue, { prefetch: 1 })]
    await s.send(queue, 'a', 'b', 'c')
    const [first, second] = [await one.next(), await two.next()]
    await s.untilWaiting(queue, 1)
    expect([textOf(first), textOf(second)].toSorted()).toEqual(['a', 'b'])
    second.ack()
    expect(textOf(await two.next())).toBe('c')
  })

  scene('noAck deliveries are settled when handed over', async (s) => {
    const queue = await s.queue()
    const reader = await s.another()
    const inbox = await s.inbox(queue, { broker: reader, noAck: true, prefetch: 1 })
    await s.send(queue, 'a', 'b', 'c')
    const [a] = [await inbox.next(), await inbox.next(), await inbox.next()]
    expect(a.ack()).toBe(false)
    await reader.stop()
    await s.send(queue, 'd')
    const rest = await s.inbox(queue)
    expect(await rest.texts(1)).toEqual(['d'])
  })

  scene('a handler that throws harms neither the broker nor the next delivery', async (s) => {
    const queue = await s.queue()
    const seen: string[] = []
    const consumer = await s.broker.consume({
      queues: [queue],
      prefetch: 10,
      onDelivery: (delivery) => {
        seen.push(textOf(delivery))
        delivery.ack()
        throw new Error('from the handler')
      },
    })
    await s.send(queue, 'a', 'b')
    await until('both came', () => seen.length === 2)
    await s.untilWaiting(queue, 0)
    await consumer.cancel()
  })

  scene('a consumer outlives the deletion of a queue that was declared here', async (s) => {
    const exchange = s.name()
    const [queue, other] = [s.name(), await s.queue()]
    await s.broker.declare({
      exchanges: [{ name: exchange, type: 'direct' }],
      queues: [{ name: queue, maxPriority: 3 }],
      bindings: [{ exchange, queue, routingKey: 'k' }],
    })
    const inbox = await s.inbox([queue, other])
    await s.send(queue, 'before')
    expect(await inbox.texts(1)).toEqual(['before'])
    const stranger = await s.another()
    await stranger.admin?.deleteQueue(queue)
    await until('the queue is there and read again', async () => (await s.broker.admin?.depth(queue))?.consumers === 1)
    await s.broker.publish(textMessage('after'), { exchange, routingKey: 'k' })
    await s.send(other, 'other')
    expect((await inbox.texts(2)).toSorted()).toEqual(['after', 'other'])
  })
}
