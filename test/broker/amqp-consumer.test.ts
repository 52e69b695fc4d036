import { expect, test } from 'vitest'
import { AmqpConsumer } from '../../src/broker/amqp/amqp-consumer.ts'
import type { Delivery } from '../../src/broker/broker.ts'
import { type ChannelEvents, type Link, type LinkChannel, LinkError } from '../../src/broker/amqp/link.ts'
import { VirtualClock } from '../../src/testing/testing.ts'

const kindsOf = (isOwn: boolean) => ({ hasOwnCredit: () => isOwn, canShare: () => true })

/** A connection whose channels the test closes as the server does; `onConsume` is told of each begin of a consumer. */
function scene(onConsume: (channel: FakeChannel) => void = () => {}, channelMax = 100) {
  const channels: FakeChannel[] = []
  const link = {
    isOpen: true,
    channelMax,
    channelCredit: 10,
    openChannel: async (events: ChannelEvents) => {
      const channel = new FakeChannel(events, onConsume)
      channels.push(channel)
      return channel as unknown as LinkChannel
    },
  } as unknown as Link
  return { link, channels }
}

class FakeChannel {
  isOpen = true
  readonly #events: ChannelEvents
  readonly #onConsume: (channel: FakeChannel) => void

  constructor(events: ChannelEvents, onConsume: (channel: FakeChannel) => void) {
    this.#events = events
    this.#onConsume = onConsume
  }

  /** Tags of the consumers that it has. */
  readonly tags = new Set<string>()
  /** What each of its consumers was begun with, the last one last. */
  readonly credits: number[] = []
  credit = 0
  /** Delivery tags that were given back. */
  readonly back: number[] = []
  #lastTag = 0

  async qos(prefetch: number): Promise<void> {
    this.credit = prefetch
  }

  /** Delivers a message to one of its consumers, as the server does. */
  deliver(): void {
    const [consumerTag = ''] = this.tags
    const message = {
      headers: {},
      body: new Uint8Array(),
      contentType: '',
      contentEncoding: '',
      deliveryMode: 2 as const,
    }
    const where = { exchange: '', routingKey: 'one', redelivered: false }
    this.#events.onDelivery?.({ message, consumerTag, deliveryTag: ++this.#lastTag, ...where })
  }

  ack(): boolean {
    return this.isOpen
  }

  nack(deliveryTag: number): boolean {
    this.back.push(deliveryTag)
    return this.isOpen
  }

  cancelByServer(): void {
    for (const tag of [...this.tags]) {
      this.tags.delete(tag)
      this.#events.onCancelled?.(tag)
    }
  }

  async consume(_queue: string, tag: string): Promise<void> {
    this.#onConsume(this)
    if (!this.isOpen) throw new LinkError('channel', 'the channel was closed', 406)
    this.tags.add(tag)
    this.credits.push(this.credit)
  }

  async cancel(tag: string): Promise<void> {
    this.tags.delete(tag)
  }

  async close(): Promise<void> {
    this.isOpen = false
  }

  loseConnection(): void {
    this.isOpen = false
    this.#events.onClosed?.(new LinkError('connection', 'it was cut'))
  }

  closeByServer(): void {
    this.isOpen = false
    this.#events.onClosed?.(new LinkError('channel', 'PRECONDITION_FAILED', 406))
  }
}

test('a channel that is closed while its consumers begin is replaced by one channel, not by two', async () => {
  const clock = new VirtualClock()
  let begun = 0
  const { link, channels } = scene((channel) => {
    // The one that was to take the place of the first is closed as well, between its first queue and its second.
    if (++begun === 4) channel.closeByServer()
  })
  const host = { clock, ensureQueue: async () => true, kinds: kindsOf(false), forget: () => {} }
  const consumer = new AmqpConsumer(host, { queues: ['one', 'two'], prefetch: 3, onDelivery: () => {} })
  await consumer.attach(link)
  channels[0]?.closeByServer()
  await clock.play(60_000)
  expect(channels.map(({ isOpen }) => isOpen)).toEqual([false, false, true])
  expect(begun).toBe(6)
})

test('credit that is raised twice at once leaves one consumer for each queue, with the credit that was set last', async () => {
  const clock = new VirtualClock()
  const { link, channels } = scene()
  const host = { clock, ensureQueue: async () => true, kinds: kindsOf(true), forget: () => {} }
  const consumer = new AmqpConsumer(host, { queues: ['one', 'two'], prefetch: 3, onDelivery: () => {} })
  await consumer.attach(link)
  consumer.release()
  for (const prefetch of [4, 5, 6]) consumer.setPrefetch(prefetch)
  await clock.play(1_000)
  expect(channels[0]?.tags.size).toBe(2)
  expect(channels[0]?.credits.slice(-2)).toEqual([6, 6])
  await consumer.cancel()
  expect(channels[0]?.tags.size).toBe(0)
})

test('a channel on which not all queues could be read is closed before another is opened', async () => {
  const clock = new VirtualClock()
  const { link, channels } = scene()
  let isRefused = true
  const ensureQueue = async (queue: string): Promise<boolean> => {
    if (queue === 'two' && isRefused) throw new LinkError('channel', 'ACCESS_REFUSED', 403)
    return true
  }
  const host = { clock, ensureQueue, kinds: kindsOf(false), forget: () => {} }
  const consumer = new AmqpConsumer(host, { queues: ['one', 'two'], prefetch: 3, onDelivery: () => {} })
  await consumer.attachAgain(link)
  await clock.play(60_000)
  expect(channels.length).toBeGreaterThan(2)
  expect(channels.filter(({ isOpen }) => isOpen)).toEqual([])
  isRefused = false
  await clock.play(60_000)
  expect(channels.filter(({ isOpen }) => isOpen).map(({ tags }) => tags.size)).toEqual([2])
})

/** A consumer of one queue on such a connection; what comes is kept unsettled in `hands`. */
async function reading(prefetch: number, { channelMax = 100, canShare = true, ensureQueue = async () => true } = {}) {
  const clock = new VirtualClock()
  const { link, channels } = scene(() => {}, channelMax)
  const hands: Delivery[] = []
  const kinds = { hasOwnCredit: () => false, canShare: () => canShare }
  const host = { clock, ensureQueue, kinds, forget: () => {} }
  const onDelivery = (delivery: Delivery): void => void hands.push(delivery)
  const consumer = new AmqpConsumer(host, { queues: ['one'], prefetch, onDelivery })
  await consumer.attach(link)
  consumer.release()
  await clock.play(0)
  const open = (): FakeChannel[] => channels.filter(({ isOpen }) => isOpen)
  const credits = (): number[] => open().map(({ credit }) => credit)
  return { clock, link, channels, consumer, hands, open, credits }
}

test('a small credit is on one channel, a large one on as many as it takes, each with its part', async () => {
  expect((await reading(20)).credits()).toEqual([20])
  expect((await reading(21)).credits()).toEqual([10, 10, 1])
  const { consumer, clock, credits, open } = await reading(1)
  consumer.setPrefetch(35)
  await clock.play(0)
  expect(credits()).toEqual([10, 10, 10, 5])
  expect(open().map(({ tags }) => tags.size)).toEqual([1, 1, 1, 1])
})

test('credit that goes up and down by a little opens and closes no channels', async () => {
  const { consumer, clock, credits, channels } = await reading(35)
  for (const prefetch of [41, 50, 41, 31, 32]) {
    consumer.setPrefetch(prefetch)
    await clock.play(0)
    expect(credits()).toEqual([10, 10, 10, prefetch - 30])
  }
  expect(channels.length).toBe(4)
})

test.each([
  ['the server allows few channels', { channelMax: 4 }, [10, 90]],
  ['each of the readers of the queue would not have its own messages', { canShare: false }, [100]],
])('all credit is there where %s', async (_why, options, credits) => {
  expect((await reading(100, options)).credits()).toEqual(credits)
})

test('credit without limit is on one channel, and the others end', async () => {
  const { consumer, clock, credits } = await reading(100)
  expect(credits().length).toBe(10)
  consumer.setPrefetch(0)
  await clock.play(0)
  expect(credits()).toEqual([0])
})

test('more credit than AMQP can count is there in all', async () => {
  const { credits } = await reading(200_000, { channelMax: 65_535 })
  expect(credits().reduce((sum, credit) => sum + credit, 0)).toBe(200_000)
})

test('where the credit sinks, what is in hand on channels that end counts, and each closes when it is settled', async () => {
  const { consumer, clock, credits, open, hands, channels } = await reading(40)
  for (const channel of open()) for (let i = 0; i < 5; i++) channel.deliver()
  expect(hands.length).toBe(20)
  consumer.setPrefetch(12)
  await clock.play(0)
  const [first, second, third, fourth] = channels as [FakeChannel, FakeChannel, FakeChannel, FakeChannel]
  expect([third.tags.size, fourth.tags.size]).toEqual([0, 0])
  // 12, and 10 are in hand elsewhere.
  expect([first.credit, second.credit]).toEqual([2, 1])
  // It came when nobody was there to read it.
  third.deliver()
  expect([hands.length, third.back]).toEqual([20, [6]])
  for (const delivery of hands.slice(10, 15)) expect(delivery.ack()).toBe(true)
  await clock.play(0)
  expect([third.isOpen, fourth.isOpen, first.credit]).toEqual([false, true, 7])
  for (const delivery of hands.slice(15)) delivery.requeue()
  await clock.play(0)
  expect(fourth.isOpen).toBe(false)
  expect(credits()).toEqual([10, 2])
})

test('where the credit sinks, what was in hand on a channel that the server closes before its end counts no longer', async () => {
  const { consumer, clock, credits, open, hands, channels } = await reading(40)
  for (const channel of open()) for (let i = 0; i < 10; i++) channel.deliver()
  consumer.setPrefetch(12)
  await clock.play(0)
  expect(credits()).toEqual([1, 1, 10, 10])
  for (const channel of channels.slice(2)) channel.closeByServer()
  await clock.play(0)
  expect(credits()).toEqual([10, 2])
  expect(hands.slice(20).some(({ isOurs }) => isOurs)).toBe(false)
})

test('a channel that the server closes is opened again alone, and what is in hand on others stays ours', async () => {
  const { clock, channels, hands, credits } = await reading(40)
  for (const channel of channels) channel.deliver()
  channels[1]?.closeByServer()
  expect(hands.map(({ isOurs }) => isOurs)).toEqual([true, false, true, true])
  await clock.play(1_000)
  expect(credits()).toEqual([10, 10, 10, 10])
  expect(channels.length).toBe(5)
})

test('a queue that was deleted is looked for once, and read on all channels again when it is there', async () => {
  let isThere = true
  let asked = 0
  const ensureQueue = async (): Promise<boolean> => {
    asked++
    return isThere
  }
  const { clock, channels, open } = await reading(100, { ensureQueue })
  const before = asked
  isThere = false
  for (const channel of channels) channel.cancelByServer()
  await clock.play(0)
  expect(asked).toBe(before + 1)
  isThere = true
  await clock.play(1_000)
  expect(open().map(({ tags }) => tags.size)).toEqual(Array.from({ length: 10 }, () => 1))
  expect(channels.length).toBe(10)
})

test('a consumer that is cancelled reads on no channel, and closes each when what is in hand there is settled', async () => {
  const { consumer, clock, channels, hands } = await reading(30)
  for (const channel of channels) channel.deliver()
  await consumer.cancel()
  expect(channels.map(({ tags }) => tags.size)).toEqual([0, 0, 0])
  expect(channels.map(({ isOpen }) => isOpen)).toEqual([true, true, true])
  for (const delivery of hands) expect(delivery.ack()).toBe(true)
  await clock.play(0)
  expect(channels.map(({ isOpen }) => isOpen)).toEqual([false, false, false])
})

test('on a new connection the credit is spread again, and channels that were ending are no more', async () => {
  const { consumer, clock, link, channels, hands } = await reading(40)
  for (const channel of channels) channel.deliver()
  consumer.setPrefetch(30)
  await clock.play(0)
  const old = channels.splice(0)
  for (const channel of old) channel.loseConnection()
  await consumer.attachAgain({ ...link })
  await clock.play(0)
  expect(channels.map(({ credit }) => credit)).toEqual([10, 10, 10])
  expect(hands.map((delivery) => delivery.ack())).toEqual([false, false, false, false])
})
