import { systemClock } from '../../base/clock.ts'
import type { Delivery } from '../../broker/broker.ts'
import { deadLetter, deadQueueOf, dropDead, listDead, requeueDead } from '../../broker/dead-letters.ts'
import type { Message } from '../../protocol/message.ts'
import { EVERY_HEADER } from './publish-tests.ts'
import { type Scene, type SuiteContext, textMessage, textOf, toQueue } from './scene.ts'

const REASON = { code: 'BODY_UNDECODABLE', message: 'the body is torn' }

export function deadLetterTests({ scene, expect }: SuiteContext): void {
  const bury = async (s: Scene, queue: string, id: string, fields: Partial<Message> = {}): Promise<Delivery> => {
    const headers = { task: 'shop.add', id, ...fields.headers }
    await s.broker.publish(textMessage(`body of ${id}`, { ...fields, headers }), toQueue(queue))
    const inbox = await s.inbox(queue, { prefetch: 1 })
    const delivery = await inbox.next()
    await inbox.consumer.cancel()
    expect(await deadLetter(s.broker, delivery, REASON, systemClock)).toBe(true)
    return delivery
  }

  scene('a dead letter leaves its queue and is listed with its reason, whole', async (s) => {
    const queue = await s.queue()
    const before = systemClock.now()
    const { message } = await bury(s, queue, 'id-1', { priority: 3, correlationId: 'id-1', expirationMs: 600_000 })
    await s.untilWaiting(queue, 0)
    const [letter, ...more] = await listDead(s.broker, queue)
    expect(more).toEqual([])
    expect(letter).toMatchObject({
      key: 'id-1:BODY_UNDECODABLE',
      id: 'id-1',
      task: 'shop.add',
      reason: REASON,
      queue,
    })
    expect(Math.abs((letter?.atMs ?? 0) - before)).toBeLessThanOrEqual(60_000)
    const { expirationMs: _, body, ...kept } = message
    expect({ ...letter?.message, body: undefined }).toEqual({ ...kept, body: undefined })
    expect(Buffer.from(letter?.message.body ?? []).equals(Buffer.from(body))).toBe(true)
    expect((await listDead(s.broker, queue)).length).toBe(1)
  })

  scene('requeued dead letters go back to their queue as they were', async (s) => {
    const queue = await s.queue()
    for (const id of ['a', 'b', 'c']) await bury(s, queue, id, { headers: { ...EVERY_HEADER, 'x-lovage-starts': 5 } })
    const letters = await listDead(s.broker, queue)
    expect(letters.map((letter) => letter.id)).toEqual(['a', 'b', 'c'])
    expect(await requeueDead(s.broker, queue, ['b:BODY_UNDECODABLE', 'x:UNKNOWN'])).toBe(1)
    await s.untilWaiting(deadQueueOf(queue), 2)
    const inbox = await s.inbox(queue)
    const back = await inbox.next()
    expect(textOf(back)).toBe('body of b')
    expect(Object.keys(back.message.headers)).toEqual(['task', 'id', ...Object.keys(EVERY_HEADER)])
    expect(await requeueDead(s.broker, queue, 'all')).toBe(2)
    expect([textOf(await inbox.next()), textOf(await inbox.next())]).toEqual(['body of a', 'body of c'])
    await s.untilWaiting(deadQueueOf(queue), 0)
  })

  scene('dropped dead letters are gone, the others stay in their order', async (s) => {
    const queue = await s.queue()
    for (const id of ['a', 'b', 'c']) await bury(s, queue, id)
    expect(await dropDead(s.broker, queue, ['b:BODY_UNDECODABLE'])).toBe(1)
    await s.untilWaiting(deadQueueOf(queue), 2)
    expect((await listDead(s.broker, queue)).map((letter) => letter.id)).toEqual(['a', 'c'])
    expect((await listDead(s.broker, queue, 1)).map((letter) => letter.id)).toEqual(['a'])
    expect(await dropDead(s.broker, queue, 'all')).toBe(2)
    expect(await listDead(s.broker, queue)).toEqual([])
  })

  scene('a queue without dead letters has none to list, requeue or drop', async (s) => {
    const queue = await s.queue()
    expect(await listDead(s.broker, queue)).toEqual([])
    expect(await requeueDead(s.broker, queue, 'all')).toBe(0)
    expect(await dropDead(s.broker, queue, 'all')).toBe(0)
  })

  scene('a message put aside twice, because its ack was lost, is one dead letter and comes back once', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'no id at all')
    const reader = await s.another()
    const held = await (await s.inbox(queue, { broker: reader })).next()
    const unlucky: Delivery = { ...held, message: held.message, queue, ack: () => false } as Delivery
    expect(await deadLetter(s.broker, unlucky, REASON, systemClock)).toBe(false)
    await reader.stop()
    const inbox = await s.inbox(queue)
    expect(await deadLetter(s.broker, await inbox.next(), REASON, systemClock)).toBe(true)
    await s.untilWaiting(deadQueueOf(queue), 2)
    expect((await listDead(s.broker, queue)).length).toBe(1)
    expect(await requeueDead(s.broker, queue, 'all')).toBe(1)
    await s.send(queue, 'the end')
    expect(await inbox.texts(2)).toEqual(['no id at all', 'the end'])
    await s.untilWaiting(deadQueueOf(queue), 0)
  })

  scene('dead letters have a most number and a most age', async (s) => {
    const [few, young] = [await s.queue(), await s.queue()]
    await s.send(few, 'a', 'b', 'c')
    await s.send(young, 'd')
    const inbox = await s.inbox([few, young])
    for (let count = 0; count < 4; count++) {
      const delivery = await inbox.next()
      const limits = delivery.queue === few ? { maxLength: 2 } : { ageMs: 50 }
      await deadLetter(s.broker, delivery, REASON, systemClock, limits)
    }
    await s.untilWaiting(deadQueueOf(few), 2)
    await s.untilWaiting(deadQueueOf(young), 0)
  })

  scene('dead-lettering does with a queue of other limits, and with one that was deleted', async (s) => {
    const queue = await s.queue()
    await s.queue({ name: deadQueueOf(queue), maxLength: 7 })
    await bury(s, queue, 'a')
    await s.broker.admin?.deleteQueue(deadQueueOf(queue))
    await bury(s, queue, 'b')
    expect((await listDead(s.broker, queue)).map((letter) => letter.id)).toEqual(['b'])
  })

  scene('a body above the limit for publishing can be put aside and sent back', async (s) => {
    const small = await s.another({ maxMessageBytes: 10 })
    const queue = await s.queue()
    await s.send(queue, 'much more than ten bytes')
    const delivery = await (await s.inbox(queue, { broker: small })).next()
    expect(await deadLetter(small, delivery, REASON, systemClock)).toBe(true)
    expect(await requeueDead(small, queue, 'all')).toBe(1)
    await expect(small.publish(delivery.message, toQueue(queue))).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
  })

  scene('headers that leave no room for the reason are cut down to what tells what it is', async (s) => {
    const queue = await s.queue()
    await bury(s, queue, 'fat', { headers: { fat: 'x'.repeat(65_000), alsoFat: 'y'.repeat(65_750) } })
    const [letter] = await listDead(s.broker, queue)
    expect(letter).toMatchObject({ id: 'fat', task: 'shop.add', reason: REASON, queue })
    expect(letter?.message.headers['x-lovage-headers-lost']).toBe('fat alsoFat')
  })

  scene('when the dead letters cannot take it, the delivery stays ours', async (s) => {
    const queue = await s.queue()
    const full = { maxLength: 0, arguments: { 'x-overflow': 'reject-publish' } }
    await s.queue({ name: deadQueueOf(queue), ...full })
    await s.send(queue, 'x')
    const inbox = await s.inbox(queue)
    const delivery = await inbox.next()
    await expect(deadLetter(s.broker, delivery, REASON, systemClock)).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' })
    expect(delivery.requeue()).toBe(true)
    expect(await inbox.texts(1)).toEqual(['x'])
  })
}
