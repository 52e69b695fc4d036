import { plainHeader } from '../../protocol/headers.ts'
import { type Scene, type SuiteContext, textMessage, textOf, toQueue, until } from './scene.ts'

export function queueTests({ scene, expect, differences }: SuiteContext): void {
  scene(
    'the highest priority is served first, equal ones by age, those above the highest as the highest',
    async (s) => {
      const queue = await s.queue({ maxPriority: 5 })
      const sent = ['1a', '5a', '-', '3a', '9a', '1b', '3b', '0a']
      for (const text of sent) {
        const priority = text === '-' ? undefined : Number(text[0])
        await s.broker.publish(textMessage(text, priority === undefined ? {} : { priority }), toQueue(queue))
      }
      const inbox = await s.inbox(queue, { prefetch: 1 })
      expect(await inbox.texts(sent.length)).toEqual(['5a', '9a', '3a', '3b', '1a', '1b', '-', '0a'])
    },
  )

  scene('without maxPriority priorities are ignored', async (s) => {
    const queue = await s.queue()
    for (const priority of [1, 9, 5]) {
      await s.broker.publish(textMessage(String(priority), { priority }), toQueue(queue))
    }
    expect(await (await s.inbox(queue, { prefetch: 1 })).texts(3)).toEqual(['1', '9', '5'])
  })

  const expired = differences.keepsExpired ? 'comes with its expiration, for its reader to judge' : 'is dropped unread'
  scene(`a message whose expiration has passed ${expired}`, async (s) => {
    if (differences.keepsExpired) return await keepsExpired(s)
    const queue = await s.queue()
    await s.broker.publish(textMessage('short', { expirationMs: 30 }), toQueue(queue))
    await s.untilWaiting(queue, 0)
    await s.broker.publish(textMessage('none', { expirationMs: 0 }), toQueue(queue))
    await s.broker.publish(textMessage('long', { expirationMs: 600_000 }), toQueue(queue))
    await s.send(queue, 'endless')
    expect(await (await s.inbox(queue)).texts(2)).toEqual(['long', 'endless'])
  })

  scene('a queue drops what waits longer than its messageTtl', async (s) => {
    const queue = await s.queue({ messageTtlMs: 50 })
    await s.send(queue, 'a', 'b')
    await s.untilWaiting(queue, 0)
    // Time enough for a reader on a busy machine.
    const patient = await s.queue({ messageTtlMs: 8000 })
    const inbox = await s.inbox(patient)
    await s.send(patient, 'read at once')
    expect(await inbox.texts(1)).toEqual(['read at once'])
  })

  scene('a queue without a consumer goes when it expires, one with a consumer stays', async (s) => {
    const [lonely, read] = [await s.queue({ expiresMs: 400 }), await s.queue({ expiresMs: 400 })]
    const inbox = await s.inbox(read)
    await until('the lonely queue is gone', async () => {
      const sent = await Promise.allSettled([s.broker.publish(textMessage('x'), toQueue(lonely))])
      return sent[0]?.status === 'rejected'
    })
    await s.send(read, 'here')
    expect(await inbox.texts(1)).toEqual(['here'])
    await inbox.consumer.cancel()
    await until('the other is gone too', async () => {
      const sent = await Promise.allSettled([s.broker.publish(textMessage('x'), toQueue(read))])
      return sent[0]?.status === 'rejected'
    })
  })

  scene('an autoDelete queue goes with its last consumer, not before its first', async (s) => {
    const queue = await s.queue({ autoDelete: true, durable: false })
    await s.send(queue, 'waits')
    const [one, two] = [await s.inbox(queue), await s.inbox(queue)]
    await until('the message was read', () => one.all.length + two.all.length === 1)
    await one.consumer.cancel()
    await s.send(queue, 'still there')
    await two.consumer.cancel()
    await until('the queue is gone', async () => (await s.broker.admin?.depth(queue)) === undefined)
    await expect(s.broker.publish(textMessage('x'), toQueue(queue))).rejects.toMatchObject({ code: 'UNROUTABLE' })
  })

  scene('a queue of limited length drops the oldest', async (s) => {
    const queue = await s.queue({ maxLength: 2 })
    await s.send(queue, 'a', 'b', 'c', 'd')
    expect(await (await s.inbox(queue)).texts(2)).toEqual(['c', 'd'])
  })

  scene('a full queue that refuses is PUBLISH_REFUSED', async (s) => {
    const queue = await s.queue({ maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } })
    await s.send(queue, 'a')
    await expect(s.broker.publish(textMessage('b'), toQueue(queue))).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' })
    expect(await (await s.inbox(queue)).texts(1)).toEqual(['a'])
    await s.send(queue, 'c')
  })

  if (differences.refusesDeadLetterExchange) {
    scene('a queue with a dead-letter exchange is refused by name, and what is rejected is gone', async (s) => {
      const table = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
      await expect(s.queue({ arguments: table })).rejects.toMatchObject({ code: 'CAPABILITY_MISSING' })
      const queue = await s.queue()
      await s.send(queue, 'rejected', 'next')
      const inbox = await s.inbox(queue, { prefetch: 1 })
      expect((await inbox.next()).reject()).toBe(true)
      expect(await inbox.texts(1)).toEqual(['next'])
      await s.untilWaiting(queue, 0)
    })
    return
  }

  scene('rejected and run-out messages go to the dead-letter exchange, with their death told', async (s) => {
    const dead = await s.queue()
    const queue = await s.queue({
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead },
    })
    await s.send(queue, 'rejected')
    const reader = await s.inbox(queue)
    expect((await reader.next()).reject()).toBe(true)
    const inbox = await s.inbox(dead)
    const rejected = await inbox.next()
    expect(textOf(rejected)).toBe('rejected')
    expect(deathOf(rejected.message.headers['x-death'])).toEqual(['rejected', queue, 1])
    rejected.ack()
    await reader.consumer.cancel()
    await s.broker.publish(textMessage('expired', { expirationMs: 20 }), toQueue(queue))
    const expired = await inbox.next()
    expect(deathOf(expired.message.headers['x-death'])).toEqual(['expired', queue, 1])
    expect(expired.message.expirationMs).toBeUndefined()
  })

  async function keepsExpired(s: Scene): Promise<void> {
    const queue = await s.queue()
    await s.broker.publish(textMessage('none', { expirationMs: 0 }), toQueue(queue))
    await s.broker.publish(textMessage('long', { expirationMs: 600_000 }), toQueue(queue))
    const inbox = await s.inbox(queue)
    const [none, long] = [await inbox.next(), await inbox.next()]
    expect([textOf(none), none.message.expirationMs]).toEqual(['none', 0])
    expect([textOf(long), long.message.expirationMs]).toEqual(['long', 600_000])
  }
}

function deathOf(header: unknown): unknown[] {
  const death = (header as { reason: string; queue: string; count: never }[])[0]
  return [death?.reason, death?.queue, plainHeader(death?.count)]
}
