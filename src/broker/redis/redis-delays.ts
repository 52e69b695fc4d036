import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { RedisArgument } from '../../base/redis/redis-connection.ts'
import type { BrokerDelays, DelayedMessage, DelayedTo, Delivery, Destination, PublishOptions } from '../broker.ts'
import type { Message } from '../../protocol/message.ts'
import { DELAY_MOVES } from './delay-words.ts'
import { readEnvelope } from './envelope.ts'
import type { Hands } from './hands.ts'
import type { Mover } from './mover.ts'
import { RedisDelivery } from './redis-delivery.ts'
import type { RedisLink } from './redis-link.ts'

/** Messages kept in one step, so that it does not hold the server up for long. */
const BATCH = 200

export interface DelaysHost {
  readonly clock: Clock
  readonly hands: () => Hands
  readonly mover: () => Mover
  /** Runs work on the connection, within the time limit; once more where it was lost meanwhile. */
  readonly ask: <T>(work: (link: RedisLink) => Promise<T>) => Promise<T>
  /** The connection that is up now. */
  readonly link: () => RedisLink | undefined
  readonly publish: (message: Message, to: Destination, atMs: number, options?: PublishOptions) => Promise<DelayedTo>
}

/** What waits with the server for its time, and is moved by whoever is a mover. */
export function redisDelays(host: DelaysHost): BrokerDelays {
  const { clock, ask, mover, publish } = host
  const keeper = new DeliveryKeeper(host)
  return {
    async publish(message, to, atMs, options) {
      mover().watch()
      return await publish(message, to, atMs, options)
    },
    keep: (delivery, atMs) => keeper.keep(delivery, atMs),
    move: () => ask((link) => mover().begin(link)),
    purge: async (queue) => Number(await ask((link) => link.run(DELAY_MOVES.purge, [queue]))),
    async list(queue, limit) {
      const found = (await ask((link) => link.run(DELAY_MOVES.list, [queue, limit]))) as string[]
      const list: DelayedMessage[] = []
      for (let i = 0; i < found.length; i += 2) {
        const { message } = readEnvelope(found[i + 1] as string, queue, undefined)
        list.push({ atMs: clock.now() + Number(found[i]), message })
      }
      return list
    },
  }
}

interface Keeping {
  readonly tag: string
  readonly atMs: number
  readonly done: (isKept: boolean) => void
}

/** Moves deliveries in hand to those that wait, many in one step. */
class DeliveryKeeper {
  readonly #host: DelaysHost
  #waiting: Keeping[] = []

  constructor(host: DelaysHost) {
    this.#host = host
  }

  keep(delivery: Delivery, atMs: number): Promise<boolean> {
    if (!(delivery instanceof RedisDelivery) || !delivery.isOurs || !Number.isFinite(atMs))
      return Promise.resolve(false)
    const { tag } = delivery
    // What came off a channel is kept by no server.
    if (tag === '') return Promise.resolve(false)
    return new Promise((done) => {
      this.#waiting.push({ tag, atMs, done })
      if (this.#waiting.length === 1) this.#host.clock.turn(() => void this.#flush())
    })
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    for (let from = 0; from < waiting.length; from += BATCH) await this.#move(waiting.slice(from, from + BATCH))
  }

  async #move(batch: readonly Keeping[]): Promise<void> {
    const { clock, hands: handsNow, link } = this.#host
    const hands = handsNow()
    const asked = batch.flatMap(({ tag, atMs }): RedisArgument[] => {
      const held = hands.get(tag)
      return held ? [tag, held.queue, held.step, Math.max(0, Math.ceil(atMs - clock.now()))] : []
    })
    let moved: readonly string[] = []
    try {
      // Where the answer is lost, the next sign of life tells which of them are ours no longer.
      moved = ((await link()?.run(DELAY_MOVES.keep, asked)) ?? []) as string[]
    } catch (error) {
      log('debug', 'broker', 'messages could not be kept until their time', { problem: messageOf(error) })
    }
    const kept = new Set(moved)
    for (const { tag, done } of batch) {
      if (kept.has(tag)) hands.leave(tag)
      done(kept.has(tag))
    }
  }
}
