import type { BrokerState } from '../../broker/broker.ts'
import { type SuiteContext, textMessage, toQueue } from './scene.ts'

export function serviceTests({ scene, expect }: SuiteContext): void {
  scene('start and stop may be called twice, at once, and stop before start', async (s) => {
    const broker = await s.unstarted()
    await broker.stop()
    expect(broker.state).toBe('stopped')
    await Promise.all([broker.start(), broker.start()])
    await broker.start()
    expect(broker.state).toBe('connected')
    await Promise.all([broker.stop(), broker.stop()])
    await broker.stop()
    expect(broker.state).toBe('stopped')
  })

  scene('a stopped broker can be started again and is whole', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'before')
    await s.broker.stop()
    await s.broker.start()
    await s.send(queue, 'after')
    const inbox = await s.inbox(queue)
    expect(await inbox.texts(2)).toEqual(['before', 'after'])
  })

  scene('stop while starting leaves it stopped', async (s) => {
    const broker = await s.unstarted()
    const starting = broker.start().catch((error: unknown) => error)
    await broker.stop()
    await starting
    expect(broker.state).toBe('stopped')
  })

  scene('tells of each change of state until it is told to end', async (s) => {
    const broker = await s.unstarted()
    const seen: BrokerState[] = []
    const end = broker.onState((state) => seen.push(state))
    await broker.start()
    expect(seen.at(-1)).toBe('connected')
    await broker.stop()
    expect(seen.at(-1)).toBe('stopped')
    const count = seen.length
    end()
    await broker.start()
    expect(seen.length).toBe(count)
  })

  scene('every call on a stopped broker fails with BROKER_CLOSED', async (s) => {
    const queue = await s.queue()
    await s.broker.stop()
    const closed = { code: 'BROKER_CLOSED' }
    const consume = { queues: [queue], prefetch: 1, onDelivery: () => {} }
    await expect(s.broker.publish(textMessage('x'), toQueue(queue))).rejects.toMatchObject(closed)
    await expect(s.broker.declare({ queues: [{ name: queue }] })).rejects.toMatchObject(closed)
    await expect(s.broker.consume(consume)).rejects.toMatchObject(closed)
    await expect(s.broker.probe(1000)).rejects.toMatchObject(closed)
    if (s.broker.admin) await expect(s.broker.admin.depth(queue)).rejects.toMatchObject(closed)
  })

  scene('probe proves the way to the broker', async (s) => {
    await s.broker.probe(5000)
    await s.broker.stop()
    await expect(s.broker.probe(5000)).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
  })

  scene('what is unsettled at stop goes back and is marked redelivered', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'a', 'b', 'c')
    const reader = await s.another()
    const held = await s.inbox(queue, { broker: reader, prefetch: 2 })
    const [first, second] = [await held.next(), await held.next()]
    await reader.stop()
    expect(first.ack()).toBe(false)
    expect(second.requeue()).toBe(false)
    await s.untilWaiting(queue, 3)
    const inbox = await s.inbox(queue)
    const [a, b, c] = [await inbox.next(), await inbox.next(), await inbox.next()]
    expect([a.redelivered, b.redelivered, c.redelivered]).toEqual([true, true, false])
    expect([a, b, c].map((d) => d.ack())).toEqual([true, true, true])
    expect([a, b, c].map((d) => new TextDecoder().decode(d.message.body))).toEqual(['a', 'b', 'c'])
  })
}
