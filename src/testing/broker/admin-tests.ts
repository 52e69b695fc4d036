import type { Broker, BrokerAdmin } from '../../broker/broker.ts'
import { type SuiteContext, textMessage, textOf, toQueue, until } from './scene.ts'

export function adminTests({ scene, expect }: SuiteContext): void {
  scene('depth counts what waits and who reads; undefined where there is no queue', async (s) => {
    const queue = await s.queue()
    const admin = adminOf(s.broker)
    expect(await admin.depth(queue)).toEqual({ queue, messages: 0, consumers: 0 })
    await s.send(queue, 'a', 'b', 'c')
    const inbox = await s.inbox(queue, { prefetch: 1 })
    const held = await inbox.next()
    await until('two wait', async () => (await admin.depth(queue))?.messages === 2)
    expect(await admin.depth(queue)).toEqual({ queue, messages: 2, consumers: 1 })
    expect(await admin.depth(s.name())).toBeUndefined()
    expect(held.ack()).toBe(true)
  })

  scene('purge drops what waits and nothing else', async (s) => {
    const queue = await s.queue({ maxPriority: 2 })
    const admin = adminOf(s.broker)
    await s.send(queue, 'a', 'b', 'c', 'd')
    const inbox = await s.inbox(queue, { prefetch: 1 })
    const held = await inbox.next()
    await s.untilWaiting(queue, 3)
    expect(await admin.purge(queue)).toBe(3)
    expect(await admin.purge(queue)).toBe(0)
    expect(held.requeue()).toBe(true)
    expect(await inbox.texts(1)).toEqual(['a'])
    await expect(admin.purge(s.name())).rejects.toMatchObject({ code: 'TOPOLOGY_MISSING' })
  })

  scene('visit shows what waits, oldest first, and leaves it in its place', async (s) => {
    const queue = await s.queue()
    const admin = adminOf(s.broker)
    await s.send(queue, 'a', 'b', 'c', 'd')
    const seen: string[] = []
    const visited = await admin.visit(queue, 3, async (delivery) => {
      seen.push(textOf(delivery))
      if (textOf(delivery) === 'b') expect(delivery.ack()).toBe(true)
    })
    expect([visited, seen]).toEqual([3, ['a', 'b', 'c']])
    await s.untilWaiting(queue, 3)
    expect(await (await s.inbox(queue)).texts(3)).toEqual(['a', 'c', 'd'])
  })

  scene('visit ends with the queue, and with a visitor that throws; nothing is lost', async (s) => {
    const queue = await s.queue()
    const admin = adminOf(s.broker)
    expect(await admin.visit(queue, 10, () => {})).toBe(0)
    await s.send(queue, 'a', 'b')
    expect(await admin.visit(queue, 10, () => {})).toBe(2)
    await s.untilWaiting(queue, 2)
    const throws = admin.visit(queue, 10, () => {
      throw new Error('from the visitor')
    })
    await expect(throws).rejects.toMatchObject({ message: 'from the visitor' })
    await s.untilWaiting(queue, 2)
    await expect(admin.visit(s.name(), 1, () => {})).rejects.toMatchObject({ code: 'TOPOLOGY_MISSING' })
    expect(await (await s.inbox(queue)).texts(2)).toEqual(['a', 'b'])
  })

  scene('visit ends when its visitor has seen enough, and leaves what it has seen', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a', 'b', 'c')
    const seen: string[] = []
    const visited = await adminOf(s.broker).visit(queue, 10, (delivery) => {
      seen.push(textOf(delivery))
      return textOf(delivery) === 'b' ? false : undefined
    })
    expect([visited, seen]).toEqual([2, ['a', 'b']])
    await s.untilWaiting(queue, 3)
    expect(await (await s.inbox(queue)).texts(3)).toEqual(['a', 'b', 'c'])
  })

  scene('a visited message can be published elsewhere and then acked', async (s) => {
    const [from, to] = [await s.queue(), await s.queue()]
    await s.send(from, 'a', 'b')
    await adminOf(s.broker).visit(from, 10, async (delivery) => {
      await s.broker.publish(delivery.message, toQueue(to))
      delivery.ack()
    })
    await s.untilWaiting(from, 0)
    expect(await (await s.inbox(to)).texts(2)).toEqual(['a', 'b'])
  })

  scene('deleteQueue removes the queue with all that waits; twice is no error', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a')
    const admin = adminOf(s.broker)
    await admin.deleteQueue(queue)
    await admin.deleteQueue(queue)
    expect(await admin.depth(queue)).toBeUndefined()
    await expect(s.broker.publish(textMessage('x'), toQueue(queue))).rejects.toMatchObject({ code: 'UNROUTABLE' })
    await s.queue({ name: queue, maxPriority: 3 })
    expect(await admin.depth(queue)).toMatchObject({ messages: 0 })
  })
}

function adminOf(broker: Broker): BrokerAdmin {
  if (!broker.admin) throw new Error('this kind of broker has no admin')
  return broker.admin
}
