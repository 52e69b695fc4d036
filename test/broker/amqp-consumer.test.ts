import { expect, test } from 'vitest'
import { AmqpConsumer } from '../../src/broker/amqp/amqp-consumer.ts'
import { type ChannelEvents, type Link, type LinkChannel, LinkError } from '../../src/broker/amqp/link.ts'
import { VirtualClock } from '../../src/testing/testing.ts'

/** A connection whose channels the test closes as the server does; `onConsume` is told of each begin of a consumer. */
function scene(onConsume: (channel: FakeChannel) => void) {
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

  async qos(): Promise<void> {}

  async consume(): Promise<void> {
    this.#onConsume(this)
    if (!this.isOpen) throw new LinkError('channel', 'the channel was closed', 406)
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
