import { systemClock } from '../../base/clock.ts'
import type { Broker, BrokerDelays, Delivery } from '../../broker/broker.ts'
import { type Inbox, type Scene, type SuiteContext, textMessage, textOf, toQueue, until } from './scene.ts'

/** How long messages wait in these tests: long enough to be seen waiting on a busy machine. */
const WAIT_MS = 1500

/** Longer than any test. */
const LONG_MS = 600_000

/** What is due may come so much earlier: its reader holds it for the rest. */
const EARLY_MS = 1000

export function delayTests({ scene, expect, differences }: SuiteContext): void {
  scene('a delayed message waits in no queue, and comes when it is due', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    const inbox = await s.inbox(queue)
    // Long enough for what is sent next to be there before it.
    const atMs = systemClock.now() + 2 * WAIT_MS
    expect(await delays.publish(textMessage('later'), toQueue(queue), atMs)).toBe('kept')
    await s.send(queue, 'now')
    expect(await inbox.texts(1)).toEqual(['now'])
    const later = await inbox.next()
    expect(systemClock.now() >= atMs - EARLY_MS).toBe(true)
    expect([textOf(later), later.queue, later.redelivered]).toEqual(['later', queue, false])
    expect(later.ack()).toBe(true)
    await s.untilWaiting(queue, 0)
  })

  scene('delayed messages come in the order of their times, whatever the order in which they were sent', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    const nowMs = systemClock.now()
    // Whole seconds apart, as far as RabbitMQ tells times apart.
    for (const seconds of [3, 1, 2]) {
      await delays.publish(textMessage(`${seconds} s`), toQueue(queue), nowMs + seconds * 1000 + 500)
    }
    expect(await (await s.inbox(queue)).texts(3)).toEqual(['1 s', '2 s', '3 s'])
  })

  scene('a message whose time has come already comes at once', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    await delays.publish(textMessage('past'), toQueue(queue), systemClock.now() - 60_000)
    expect(await (await s.inbox(queue)).texts(1)).toEqual(['past'])
  })

  scene('what a delayed message is made of comes with it, but for its expiration', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue({ maxPriority: 9 })]
    const headers = { task: 'shop.add', retries: 3, big: 2n ** 40n, nested: { list: [1, 'two', null] } }
    const fields = { headers, priority: 7, correlationId: 'c', replyTo: 'r', messageId: 'm', type: 't', timestamp: 12 }
    const message = textMessage('whole', { ...fields, expirationMs: 1, contentType: 'application/json' })
    await delays.publish(message, toQueue(queue), systemClock.now() + WAIT_MS)
    const { message: came } = await (await s.inbox(queue)).next()
    expect(came).toMatchObject({ ...fields, headers: { task: 'shop.add', nested: { list: [1, 'two', null] } } })
    expect([came.expirationMs, came.contentType, came.deliveryMode]).toEqual([undefined, 'application/json', 2])
    expect(Buffer.from(came.body).toString()).toBe('whole')
  })

  scene('a delayed message to a queue that is not there is UNROUTABLE', async (s) => {
    const delays = await movedOn(s)
    const lost = delays.publish(textMessage('lost'), toQueue(s.name()), systemClock.now() + LONG_MS)
    await expect(lost).rejects.toMatchObject({ code: 'UNROUTABLE' })
  })

  scene('a time that is none is ENCODE_FAILED', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    for (const atMs of [Number.NaN, Infinity]) {
      const never = delays.publish(textMessage('never'), toQueue(queue), atMs)
      await expect(never).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
    }
  })

  scene('a delivery that is kept leaves our hands, and comes again when it is due', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    await s.send(queue, 'far', 'near')
    const inbox = await s.inbox(queue, { prefetch: 1 })
    const far = await inbox.next()
    const atMs = systemClock.now() + WAIT_MS
    expect(await delays.keep(far, atMs)).toBe(true)
    expect([far.isOurs, far.ack()]).toEqual([false, false])
    // Its credit is free again, and it is not held up by it.
    expect(await inbox.texts(1)).toEqual(['near'])
    expect(await inbox.texts(1)).toEqual(['far'])
    expect(systemClock.now() >= atMs - EARLY_MS).toBe(true)
  })

  scene('a message is kept again and again', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    await s.send(queue, 'again')
    const inbox = await s.inbox(queue)
    for (let round = 0; round < 3; round++) {
      expect(await delays.keep(await inbox.next(), systemClock.now() + 1200)).toBe(true)
    }
    expect(await inbox.texts(1)).toEqual(['again'])
    await s.untilWaiting(queue, 0)
  })

  scene('many are kept at a time, each once', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    const texts = Array.from({ length: 100 }, (_, i) => `m${i}`)
    await Promise.all(texts.map((text) => s.broker.publish(textMessage(text), toQueue(queue))))
    const inbox = await s.inbox(queue, { prefetch: 0 })
    const given: Delivery[] = []
    while (given.length < texts.length) given.push(await inbox.next())
    const atMs = systemClock.now() + 2 * WAIT_MS
    const kept = await Promise.all(given.map((delivery) => delays.keep(delivery, atMs)))
    expect(kept.every(Boolean)).toBe(true)
    const came = await inbox.texts(texts.length)
    expect(came.toSorted()).toEqual(texts.toSorted())
    await s.untilWaiting(queue, 0)
    expect(inbox.all.length).toBe(texts.length * 2)
  })

  scene('what is not ours cannot be kept, and comes once', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    await s.send(queue, 'a')
    const inbox = await s.inbox(queue)
    const settled = await inbox.next()
    expect(settled.requeue()).toBe(true)
    expect(await delays.keep(settled, systemClock.now() + LONG_MS)).toBe(false)
    expect(await inbox.texts(1)).toEqual(['a'])
    await s.untilWaiting(queue, 0)
  })

  scene('who sent it may be gone when it is due', async (s) => {
    await movedOn(s)
    const [sender, queue] = [await s.another(), await s.queue()]
    await delaysOf(sender).publish(textMessage('left'), toQueue(queue), systemClock.now() + WAIT_MS)
    await sender.stop()
    expect(await (await s.inbox(queue)).texts(1)).toEqual(['left'])
  })

  scene('of several who move, each message is moved once', async (s) => {
    await movedOn(s)
    const queue = await s.queue()
    const movers = [await s.another(), await s.another()]
    for (const broker of movers) await delaysOf(broker).move([queue])
    const inboxes: Inbox[] = []
    for (const broker of [s.broker, ...movers]) inboxes.push(await s.inbox(queue, { broker, prefetch: 0 }))
    const texts = Array.from({ length: 60 }, (_, i) => `m${i}`)
    const atMs = systemClock.now() + WAIT_MS
    await Promise.all(texts.map((text) => delaysOf(s.broker).publish(textMessage(text), toQueue(queue), atMs)))
    const all = (): Delivery[] => inboxes.flatMap((inbox) => inbox.all)
    await until('all have come', () => all().length >= texts.length)
    for (const delivery of all()) expect(delivery.ack()).toBe(true)
    await s.untilWaiting(queue, 0)
    expect(all().map(textOf).toSorted()).toEqual(texts.toSorted())
  })

  if (differences.hidesDelayed) {
    scene('what waits for its time is not shown', async (s) => {
      const delays = await movedOn(s)
      expect([delays.list, delays.purge]).toEqual([undefined, undefined])
    })
    return
  }

  scene('what waits for its time is counted beside the queue, listed, and purged by itself', async (s) => {
    const [delays, queue, other] = [await movedOn(s), await s.queue(), await s.queue()]
    const nowMs = systemClock.now()
    for (const [text, inMs] of [
      ['second', 2],
      ['first', 1],
      ['third', 3],
    ] as const) {
      await delays.publish(textMessage(text), toQueue(queue), nowMs + inMs * LONG_MS)
    }
    await delays.publish(textMessage('other'), toQueue(other), nowMs + LONG_MS)
    await s.send(queue, 'ready')
    expect(await s.broker.admin?.depth(queue)).toEqual({ queue, messages: 1, consumers: 0, delayed: 3 })
    const list = (await delays.list?.(queue, 2)) ?? []
    expect(list.map(({ message }) => Buffer.from(message.body).toString())).toEqual(['first', 'second'])
    // The clocks of two machines may tell the time otherwise.
    expect(Math.abs((list[0]?.atMs ?? 0) - nowMs - LONG_MS) < 10_000).toBe(true)
    expect(await s.broker.admin?.purge(queue)).toBe(1)
    expect(await delays.purge?.(queue)).toBe(3)
    expect(await delays.purge?.(queue)).toBe(0)
    expect(await s.broker.admin?.depth(queue)).toEqual({ queue, messages: 0, consumers: 0 })
    expect(await s.broker.admin?.depth(other)).toMatchObject({ delayed: 1 })
  })

  scene('a queue that is deleted takes along what waits for it', async (s) => {
    const [delays, queue] = [await movedOn(s), await s.queue()]
    await delays.publish(textMessage('gone'), toQueue(queue), systemClock.now() + LONG_MS)
    await s.broker.admin?.deleteQueue(queue)
    await s.queue({ name: queue })
    expect(await s.broker.admin?.depth(queue)).toEqual({ queue, messages: 0, consumers: 0 })
  })
}

/** The scene's broker takes part in moving. */
async function movedOn(s: Scene): Promise<BrokerDelays> {
  const delays = delaysOf(s.broker)
  await delays.move([])
  return delays
}

function delaysOf({ delays }: Broker): BrokerDelays {
  if (!delays) throw new Error('this kind of broker keeps no messages until their time')
  return delays
}
