import { deadline, sleep, systemClock } from '../../base/clock.ts'
import type { Broker, ConsumeOptions, Consumer, Delivery, Destination, QueueSpec } from '../../broker/broker.ts'
import type { BrokerOptions } from '../../broker/open.ts'
import type { Message } from '../../protocol/message.ts'
import type { SuiteRunner } from '../runner.ts'

/** No wait of a suite is longer; a wait that ends here has failed. */
const PATIENCE_MS = 60_000

/** Makes unstarted brokers that all meet in one place. */
export type OpenForSuite = (options?: BrokerOptions) => Broker | Promise<Broker>

/** What a kind of broker does otherwise than RabbitMQ. */
export interface BrokerDifferences {
  /** The expiration of a message is carried, and left to whoever reads it: it is not dropped unread. */
  readonly keepsExpired?: boolean
  /** Queues with a dead-letter exchange are refused (`CAPABILITY_MISSING`); what is rejected is gone. */
  readonly refusesDeadLetterExchange?: boolean
  /** Nothing waits for its time there: whoever reads a message holds it. */
  readonly hasNoDelays?: boolean
  /** What waits for its time cannot be counted, listed or purged. */
  readonly hidesDelayed?: boolean
  /** A fanout exchange reaches the queues that are read at the time, and no others. */
  readonly fansOutToReaders?: boolean
}

/** What the parts of the suite are given. */
export interface SuiteContext {
  readonly differences: BrokerDifferences
  readonly expect: SuiteRunner['expect']
  /** A test with a started broker of its own; all that it opens is stopped at its end. */
  readonly scene: (name: string, play: (scene: Scene) => Promise<void>) => void
}

/** A message with nothing but a body. */
export function textMessage(text: string, fields: Partial<Message> = {}): Message {
  const body = new TextEncoder().encode(text)
  return { headers: {}, body, contentType: 'text/plain', contentEncoding: 'utf-8', deliveryMode: 2, ...fields }
}

export function textOf(delivery: Delivery): string {
  return new TextDecoder().decode(delivery.message.body)
}

/** Straight to a queue. */
export function toQueue(queue: string): Destination {
  return { exchange: '', routingKey: queue }
}

/** One test's own brokers and names. */
export class Scene {
  readonly broker: Broker
  #open: OpenForSuite
  #brokers: Broker[] = []
  #names = 0
  #prefix = `suite-${systemClock.uuid().slice(0, 8)}`

  constructor(broker: Broker, open: OpenForSuite) {
    this.broker = broker
    this.#open = open
    this.#brokers.push(broker)
  }

  /** A name that nobody else has. */
  name(): string {
    return `${this.#prefix}-${++this.#names}`
  }

  /** A further broker in the same place, started. */
  async another(options?: BrokerOptions): Promise<Broker> {
    const broker = await this.unstarted(options)
    await broker.start()
    return broker
  }

  /** A further broker in the same place. */
  async unstarted(options?: BrokerOptions): Promise<Broker> {
    const broker = await this.#open(options)
    this.#brokers.push(broker)
    return broker
  }

  /** Declares a queue and tells its name. */
  async queue(spec: Partial<QueueSpec> = {}, broker: Broker = this.broker): Promise<string> {
    const name = spec.name ?? this.name()
    await broker.declare({ queues: [{ ...spec, name }] })
    return name
  }

  /** Publishes texts straight to a queue, one after the other. */
  async send(queue: string, ...texts: string[]): Promise<void> {
    for (const text of texts) await this.broker.publish(textMessage(text), toQueue(queue))
  }

  /** Consumes and collects. */
  async inbox(queues: string | string[], options: Partial<ConsumeOptions & { broker: Broker }> = {}): Promise<Inbox> {
    const inbox = new Inbox()
    const { broker = this.broker, ...consume } = options
    inbox.consumer = await broker.consume({
      queues: [queues].flat(),
      prefetch: 10,
      onDelivery: (delivery) => inbox.take(delivery),
      ...consume,
    })
    return inbox
  }

  /** Waits until so many messages wait in a queue. */
  async untilWaiting(queue: string, messages: number): Promise<void> {
    await until(`${messages} messages wait in ${queue}`, async () => {
      const depth = await this.broker.admin?.depth(queue)
      return depth?.messages === messages
    })
  }

  async end(): Promise<void> {
    for (const broker of this.#brokers) await within('a broker stops', broker.stop())
  }
}

/** The deliveries of one consumer. */
export class Inbox {
  consumer!: Consumer
  /** Everything that came, in order. */
  readonly all: Delivery[] = []
  #read = 0
  #waiting: (() => void) | undefined

  take(delivery: Delivery): void {
    this.all.push(delivery)
    this.#waiting?.()
  }

  /** The next that was not read yet. */
  async next(): Promise<Delivery> {
    const index = this.#read++
    await within(`delivery number ${index + 1} comes`, this.#until(index + 1))
    return this.all[index] as Delivery
  }

  /** The texts of the next so many, each acked. */
  async texts(count: number): Promise<string[]> {
    const texts: string[] = []
    while (texts.length < count) {
      const delivery = await this.next()
      delivery.ack()
      texts.push(textOf(delivery))
    }
    return texts
  }

  async #until(count: number): Promise<void> {
    while (this.all.length < count) await new Promise<void>((resolve) => (this.#waiting = resolve))
  }
}

/** Waits for a promise, but not for ever. */
export function within<T>(what: string, promise: Promise<T>): Promise<T> {
  return deadline(systemClock, promise, PATIENCE_MS, () => new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`))
}

/** Waits until something that gives no signal of its own is so. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = systemClock.monotonic() + PATIENCE_MS
  while (!(await holds())) {
    if (systemClock.monotonic() > endMs) throw new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`)
    await sleep(systemClock, 10)
  }
}
