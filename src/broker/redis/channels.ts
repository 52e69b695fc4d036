import type { RedisConsumer } from './redis-consumer.ts'
import type { RedisLink } from './redis-link.ts'

/** Who is fed by a channel. */
interface Feed {
  readonly consumer: RedisConsumer
  readonly queue: string
}

export interface ChannelNames {
  /** Before every key and channel. */
  readonly prefix: string
  readonly fanoutPrefix: string
  readonly fanoutPatterns: boolean
}

/** The channel of a fanout exchange, as kombu names it, without the prefix of all keys. */
export function channelOf({ fanoutPrefix, fanoutPatterns }: ChannelNames, exchange: string, key: string): string {
  return fanoutPrefix + exchange + (key !== '' && fanoutPatterns ? `/${key}` : '')
}

/** Fanout exchanges are channels: what is published while nobody listens is heard by nobody. */
export class Channels {
  #names: ChannelNames
  #feeds = new Map<string, Set<Feed>>()

  constructor(names: ChannelNames) {
    this.#names = names
  }

  /** Listens to what feeds a queue; `bound` is queue, exchange and key of each binding. */
  async feed(consumer: RedisConsumer, bound: readonly string[], link: RedisLink): Promise<void> {
    const patterns: string[] = []
    for (let i = 0; i < bound.length; i += 3) {
      const [queue, exchange, key] = bound.slice(i, i + 3) as [string, string, string]
      const pattern = this.#names.prefix + channelOf(this.#names, exchange, key.replaceAll('#', '*'))
      const feeds = this.#feeds.get(pattern) ?? new Set()
      this.#feeds.set(pattern, feeds)
      if (![...feeds].some((feed) => feed.consumer === consumer && feed.queue === queue)) feeds.add({ consumer, queue })
      patterns.push(pattern)
    }
    if (patterns.length > 0) await link.listen(patterns)
  }

  forget(consumer: RedisConsumer, link: RedisLink | undefined): void {
    const ended: string[] = []
    for (const [pattern, feeds] of this.#feeds) {
      for (const feed of feeds) if (feed.consumer === consumer) feeds.delete(feed)
      if (feeds.size > 0) continue
      this.#feeds.delete(pattern)
      ended.push(pattern)
    }
    if (ended.length > 0) link?.unlisten(ended).catch(() => {})
  }

  onHeard(pattern: string, text: string): void {
    for (const { consumer, queue } of this.#feeds.get(pattern) ?? []) consumer.hear(text, queue)
  }
}
