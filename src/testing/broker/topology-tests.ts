import { type SuiteContext, textMessage, toQueue } from './scene.ts'

export function topologyTests({ scene, expect, differences }: SuiteContext): void {
  scene('declaring the same again changes nothing', async (s) => {
    const [queue, exchange] = [s.name(), s.name()]
    const topology = {
      exchanges: [{ name: exchange, type: 'direct' as const }],
      queues: [{ name: queue, maxPriority: 9, messageTtlMs: 60_000, expiresMs: 600_000, maxLength: 100 }],
      bindings: [{ exchange, queue, routingKey: 'k' }],
    }
    await s.broker.declare(topology)
    await s.send(queue, 'kept')
    await s.broker.declare(topology)
    const other = await s.another()
    await other.declare(topology)
    await s.untilWaiting(queue, 1)
  })

  scene('declaring it with other properties is TOPOLOGY_MISMATCH, and the broker goes on', async (s) => {
    const [queue, exchange] = [await s.queue(), s.name()]
    await s.broker.declare({ exchanges: [{ name: exchange, type: 'direct' }] })
    const mismatch = { code: 'TOPOLOGY_MISMATCH' }
    const inbox = await s.inbox(queue)
    const queues = (spec: object) => s.broker.declare({ queues: [{ name: queue, ...spec }] })
    await expect(queues({ durable: false })).rejects.toMatchObject(mismatch)
    await expect(queues({ maxPriority: 5 })).rejects.toMatchObject(mismatch)
    await expect(queues({ autoDelete: true })).rejects.toMatchObject(mismatch)
    await expect(queues({ arguments: { 'x-dead-letter-exchange': 'd' } })).rejects.toMatchObject(mismatch)
    const exchanges = (spec: object) => s.broker.declare({ exchanges: [{ name: exchange, type: 'direct', ...spec }] })
    await expect(exchanges({ type: 'topic' })).rejects.toMatchObject(mismatch)
    await expect(exchanges({ durable: false })).rejects.toMatchObject(mismatch)
    await s.send(queue, 'still well')
    expect(await inbox.texts(1)).toEqual(['still well'])
  })

  scene('what is named but not there is TOPOLOGY_MISSING', async (s) => {
    const [queue, exchange, nowhere] = [await s.queue(), s.name(), s.name()]
    await s.broker.declare({ exchanges: [{ name: exchange, type: 'direct' }] })
    const missing = { code: 'TOPOLOGY_MISSING' }
    const bind = (binding: { exchange: string; queue: string }) =>
      s.broker.declare({ bindings: [{ ...binding, routingKey: 'k' }] })
    await expect(bind({ exchange: nowhere, queue })).rejects.toMatchObject(missing)
    await expect(bind({ exchange, queue: nowhere })).rejects.toMatchObject(missing)
    await expect(s.inbox(nowhere)).rejects.toMatchObject(missing)
    await expect(s.inbox([queue, nowhere])).rejects.toMatchObject(missing)
    expect(await s.broker.admin?.depth(queue)).toMatchObject({ consumers: 0 })
  })

  scene('a direct exchange goes by the whole routing key', async (s) => {
    const [exchange, one, two] = [s.name(), await s.queue(), await s.queue()]
    await s.broker.declare({
      exchanges: [{ name: exchange, type: 'direct' }],
      bindings: [
        { exchange, queue: one, routingKey: 'a' },
        { exchange, queue: one, routingKey: 'b' },
        { exchange, queue: two, routingKey: 'b' },
      ],
    })
    for (const routingKey of ['a', 'b']) await s.broker.publish(textMessage(routingKey), { exchange, routingKey })
    await expect(s.broker.publish(textMessage('c'), { exchange, routingKey: 'c' })).rejects.toMatchObject({
      code: 'UNROUTABLE',
    })
    const [first, second] = [await s.inbox(one), await s.inbox(two)]
    expect(await first.texts(2)).toEqual(['a', 'b'])
    const delivery = await second.next()
    expect(delivery).toMatchObject({ exchange, routingKey: 'b', queue: two, redelivered: false })
  })

  scene('a topic exchange goes by words, each queue once', async (s) => {
    const [exchange, workers, all] = [s.name(), await s.queue(), await s.queue()]
    await s.broker.declare({
      exchanges: [{ name: exchange, type: 'topic' }],
      bindings: [
        { exchange, queue: workers, routingKey: 'worker.#' },
        { exchange, queue: workers, routingKey: '*.heartbeat' },
        { exchange, queue: all, routingKey: '#' },
      ],
    })
    const keys = ['worker.heartbeat', 'worker', 'task.multi', 'x.heartbeat', 'worker.a.b.c', 'a.b.heartbeat']
    for (const routingKey of keys) await s.broker.publish(textMessage(routingKey), { exchange, routingKey })
    expect(await (await s.inbox(all)).texts(keys.length)).toEqual(keys)
    const wanted = ['worker.heartbeat', 'worker', 'x.heartbeat', 'worker.a.b.c']
    expect(await (await s.inbox(workers)).texts(wanted.length)).toEqual(wanted)
    await s.untilWaiting(workers, 0)
  })

  scene('a fanout exchange goes to all that are bound', async (s) => {
    const [exchange, one, two] = [s.name(), await s.queue(), await s.queue()]
    await s.broker.declare({
      exchanges: [{ name: exchange, type: 'fanout', durable: false }],
      bindings: [one, two].map((queue) => ({ exchange, queue, routingKey: '' })),
    })
    // Where the channel has the routing key in its name, the key counts.
    const routingKey = differences.fansOutToReaders ? '' : 'whatever'
    const publish = () => s.broker.publish(textMessage('x'), { exchange, routingKey })
    if (!differences.fansOutToReaders) await publish()
    const [first, second] = [await s.inbox(one), await s.inbox(two)]
    if (differences.fansOutToReaders) await publish()
    expect(await first.texts(1)).toEqual(['x'])
    expect(await second.texts(1)).toEqual(['x'])
  })

  scene('an exclusive queue is its broker’s alone and goes with it', async (s) => {
    const owner = await s.another()
    const queue = await s.queue({ exclusive: true, durable: false }, owner)
    await s.send(queue, 'hers')
    await expect(s.inbox(queue)).rejects.toMatchObject({ code: 'TOPOLOGY_MISMATCH' })
    await expect(s.queue({ name: queue, exclusive: true, durable: false })).rejects.toMatchObject({
      code: 'TOPOLOGY_MISMATCH',
    })
    expect(await (await s.inbox(queue, { broker: owner })).texts(1)).toEqual(['hers'])
    await owner.stop()
    await expect(s.broker.publish(textMessage('x'), toQueue(queue))).rejects.toMatchObject({ code: 'UNROUTABLE' })
  })
}
