import { type Clock, deadline } from '../../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { Message } from '../../protocol/message.ts'
import type { BrokerDelays, DelayedTo, Delivery, Destination, PublishOptions } from '../broker.ts'
import { delayedMessage } from '../check-message.ts'
import { unroutable } from '../publish-errors.ts'
import {
  DELAY_LEVELS,
  declareLevel,
  declareSink,
  delayKey,
  type DelayQueueType,
  DELIVERY_EXCHANGE,
  deliveryPattern,
  FIRST_EXCHANGE,
  freshMessage,
  joinDelivery,
  joinLevels,
} from './delay-topology.ts'
import type { LinkChannel } from './link.ts'

/** How long a queue is believed to be bound; somebody may delete it, and declare it anew. */
const BOUND_MS = 10_000

/** Before it is tried again to declare where messages wait, after it has failed. */
const AGAIN_MS = 30_000

/**
 * Longest wait for the confirmation of what is to be kept. Nobody else waits for it, and what is given up may be there all
 * the same, and run twice.
 */
const KEEP_MS = 60_000

/** Queues remembered as bound. */
const MOST_BOUND = 10_000

export interface AmqpDelaysHost {
  readonly clock: Clock
  readonly queueType: DelayQueueType
  readonly publishTimeoutMs: number
  /** Runs work on a channel of its own, within the time limit. */
  readonly ask: <T>(entity: string, work: (channel: LinkChannel) => Promise<T>) => Promise<T>
  readonly publish: (message: Message, to: Destination, options?: PublishOptions) => Promise<void>
}

/**
 * Messages that wait in RabbitMQ, in the queues that Celery 5.5 uses for it: one for each power of two of seconds, from
 * which they expire on to the next. The server moves them, whoever is there; what is left of the wait, less than a second,
 * is held by whoever reads the message.
 */
export class AmqpDelays implements BrokerDelays {
  readonly #host: AmqpDelaysHost
  #declaring: Promise<boolean> | undefined
  /** Since when, monotonic, each queue is, or is being, bound. */
  readonly #bound = new Map<string, { sinceMs: number; done: Promise<void> }>()
  /** Queues that are read here, to which others may have sent for later, and how often. */
  readonly #moved = new Map<string, number>()

  constructor(host: AmqpDelaysHost) {
    this.#host = host
  }

  async publish(given: Message, to: Destination, atMs: number, options?: PublishOptions): Promise<DelayedTo> {
    const message = delayedMessage(given, atMs)
    // What is bound to another exchange is not known here: it goes there at once, and waits in the worker.
    const isKept = to.exchange === '' && (await this.#wait(message, to.routingKey, atMs, options))
    if (isKept) return 'kept'
    await this.#host.publish(message, to, options)
    return 'queued'
  }

  async keep(delivery: Delivery, atMs: number): Promise<boolean> {
    if (!delivery.isOurs || !Number.isFinite(atMs)) return false
    const { message, queue } = delivery
    try {
      if (!(await this.#wait(delayedMessage(message, atMs), queue, atMs, { isPassedOn: true, timeoutMs: KEEP_MS })))
        return false
    } catch (error) {
      if (isLovageError(error, 'BROKER_CLOSED')) throw error
      log('warn', 'broker', 'a message could not be kept until its time', { queue, error: messageOf(error) })
      return false
    }
    // Not ours any more: then it is there twice, which is once more than needed, and better than not at all.
    return delivery.ack()
  }

  /** The server moves. Queues that Python sends to in this way are bound where it has made the way. */
  async move(queues: readonly string[]): Promise<() => Promise<void>> {
    for (const queue of queues) {
      try {
        await this.#bind(queue)
      } catch (error) {
        if (!isLovageError(error, 'TOPOLOGY_MISSING')) {
          log('debug', 'broker', 'queue is not bound for what waits', { queue, error: messageOf(error) })
        }
        break
      }
    }
    for (const queue of queues) this.#moved.set(queue, (this.#moved.get(queue) ?? 0) + 1)
    return async () => {
      for (const queue of queues) {
        const left = (this.#moved.get(queue) ?? 1) - 1
        if (left === 0) this.#moved.delete(queue)
        else this.#moved.set(queue, left)
      }
    }
  }

  /** A queue may be another by now, to which nothing is bound. */
  forget(queue: string): void {
    this.#bound.delete(queue)
  }

  /** A queue was lost, and is there again. */
  restored(queue: string): void {
    this.forget(queue)
    if (!this.#moved.has(queue)) return
    this.#bind(queue).catch((error: unknown) => {
      log('debug', 'broker', 'queue is not bound for what waits', { queue, error: messageOf(error) })
    })
  }

  /** False: it cannot wait there. */
  async #wait(message: Message, queue: string, atMs: number, options?: PublishOptions): Promise<boolean> {
    const { clock, publish, publishTimeoutMs } = this.#host
    // Down to whole seconds: who reads it can wait a little longer, and not a little less.
    const secondsLeft = (): number => Math.floor((atMs - clock.now()) / 1000)
    if (secondsLeft() < 1 || delayKey(1, queue) === undefined || !(await this.#isReady())) return false
    const { timeoutMs = publishTimeoutMs } = options ?? {}
    try {
      const late = (): Error => new LovageError('PUBLISH_TIMEOUT', { timeoutMs })
      await deadline(clock, this.#bind(queue), timeoutMs, late)
    } catch (error) {
      if (!isLovageError(error, 'TOPOLOGY_MISSING')) throw error
      // The queue is not there, or, where somebody removed it, the exchange: then it is made anew the next time.
      this.#declaring = undefined
      throw unroutable({ exchange: '', routingKey: queue })
    }
    const seconds = secondsLeft()
    const routingKey = delayKey(seconds, queue)
    if (seconds < 1 || routingKey === undefined) return false
    try {
      await publish(freshMessage(message), { exchange: FIRST_EXCHANGE, routingKey }, options)
      return true
    } catch (error) {
      // Somebody removed it since: it is made anew the next time.
      if (!isLovageError(error, 'UNROUTABLE')) throw error
      this.#declaring = undefined
      this.#bound.clear()
      return false
    }
  }

  /** All who want it at a time share it. */
  #bind(queue: string): Promise<void> {
    const { clock, ask } = this.#host
    const known = this.#bound.get(queue)
    const nowMs = clock.monotonic()
    if (known && nowMs - known.sinceMs < BOUND_MS) return known.done
    const done = ask(`queue ${queue}`, (channel) => channel.bindQueue(queue, DELIVERY_EXCHANGE, deliveryPattern(queue)))
    const bound = { sinceMs: nowMs, done }
    this.#bound.set(queue, bound)
    done.catch(() => {
      if (this.#bound.get(queue) === bound) this.#bound.delete(queue)
    })
    if (this.#bound.size > MOST_BOUND) this.#bound.delete(this.#bound.keys().next().value as string)
    return done
  }

  /** Waits for it no longer than for a confirmation: what cannot wait there yet can wait in its queue. */
  async #isReady(): Promise<boolean> {
    const { clock, publishTimeoutMs } = this.#host
    this.#declaring ??= this.#declare()
    return deadline(clock, this.#declaring, publishTimeoutMs, () => new Error('late')).catch(() => false)
  }

  async #isThere(): Promise<boolean> {
    try {
      await this.#host.ask('the exchange of delays', joinDelivery)
      return true
    } catch (error) {
      if (isLovageError(error, 'TOPOLOGY_MISSING')) return false
      throw error
    }
  }

  async #declare(): Promise<boolean> {
    const { clock, ask, queueType } = this.#host
    const types: DelayQueueType[] = queueType === 'quorum' ? ['quorum', 'classic'] : ['classic', 'quorum']
    try {
      let [first = queueType, second = queueType] = types
      const declare = async (entity: string, as: (channel: LinkChannel, type: DelayQueueType) => Promise<void>) => {
        try {
          await ask(entity, (channel) => as(channel, first))
        } catch (error) {
          if (isLovageError(error, 'BROKER_CLOSED') || isLovageError(error, 'BROKER_UNREACHABLE')) throw error
          // It is there as the other, or this server knows the other alone.
          await ask(entity, (channel) => as(channel, second))
          ;[first, second] = [second, first]
        }
      }
      if (!(await this.#isThere())) {
        for (const level of DELAY_LEVELS) {
          await declare(`the queue of delays ${level}`, (channel, type) => declareLevel(channel, level, type))
        }
        await ask('the exchange of delays', joinLevels)
      }
      await declare('the sink of delays', declareSink).catch((error: unknown) => {
        if (isLovageError(error, 'BROKER_CLOSED')) throw error
        log('warn', 'broker', 'what waits for queues that are deleted may hold up what waits for others', {
          error: messageOf(error),
        })
      })
      return true
    } catch (error) {
      log('warn', 'broker', 'messages for later wait in their workers: there is no place for them in the broker', {
        error: messageOf(error),
        againInMs: AGAIN_MS,
      })
      const failed = this.#declaring
      clock.after(AGAIN_MS, () => this.#declaring === failed && (this.#declaring = undefined), { unref: true })
      return false
    }
  }
}
