import { expect, test } from 'vitest'
import { AmqpConsumer } from '../../src/broker/amqp/amqp-consumer.ts'
import { type ChannelEvents, type Link, type LinkChannel, LinkError } from '../../src/broker/amqp/link.ts'
import { VirtualClock } from '../../src/testing/testing.ts'

/** A connection whose channels the test closes as the server does; `onConsume` is told of each begin of a consumer. */
function scene(onConsume: (channel: FakeChannel) => void = () => {}) {
  const channels: FakeChannel[] = []
  const link = {
    isOpen: true,
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
  #credit = 0

  async qos(prefetch: number): Promise<void> {
    this.#credit = prefetch
  }

  async consume(_queue: string, tag: string): Promise<void> {
    this.#onConsume(this)
    if (!this.isOpen) throw new LinkError('channel', 'the channel was closed', 406)
    this.tags.add(tag)
    this.credits.push(this.#credit)
  }

  async cancel(tag: string): Promise<void> {
    this.tags.delete(tag)
  }

  async close(): Promise<void> {
    this.isOpen = false
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
  const host = { clock, ensureQueue: async () => true, hasOwnCredit: () => false, forget: () => {} }
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
  const host = { clock, ensureQueue: async () => true, hasOwnCredit: () => true, forget: () => {} }
  const consumer = new AmqpConsumer(host, { queues: ['one', 'two'], prefetch: 3, onDelivery: () => {} })
  await consumer.attach(link)
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
  const host = { clock, ensureQueue, hasOwnCredit: () => false, forget: () => {} }
  const consumer = new AmqpConsumer(host, { queues: ['one', 'two'], prefetch: 3, onDelivery: () => {} })
  await consumer.attachAgain(link)
  await clock.play(60_000)
  expect(channels.length).toBeGreaterThan(2)
  expect(channels.filter(({ isOpen }) => isOpen)).toEqual([])
  isRefused = false
  await clock.play(60_000)
  expect(channels.filter(({ isOpen }) => isOpen).map(({ tags }) => tags.size)).toEqual([2])
})
