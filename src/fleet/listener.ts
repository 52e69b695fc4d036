import { type Clock, systemClock } from '../base/clock.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import { log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { Broker, Consumer, Delivery, Topology } from '../broker/broker.ts'
import { type CeleryEvent, EVENT_EXCHANGE, readEvents } from '../protocol/event.ts'
import { eventExchange } from './exchange.ts'
import type { LamportClock } from './lamport.ts'

/** An event with the time, epoch ms by our clock, at which it was heard. */
export interface HeardEvent extends CeleryEvent {
  readonly heardAtMs: number
}

/** What listening needs. */
export interface ListenerOptions {
  readonly broker: Broker
  readonly lamport: LamportClock
  readonly clock?: Clock
  /** Which events: a key of a topic exchange, `worker.#` say. Default `#`, all. */
  readonly routingKey?: string
  /**
   * Called with all that came together, in the order in which each node told it. What it throws is logged, and changes
   * nothing.
   */
  readonly onEvents: (events: readonly HeardEvent[]) => void
}

/** How listening has gone so far. */
export interface ListenerCounts {
  readonly heard: number
  /** What was no event, or could not be read. */
  readonly refused: number
}

/** Celery's: an event that nobody has read for so long is no news. */
const EVENT_TTL_MS = 5_000

/** Celery's: the queue of who is gone goes after so long. */
const QUEUE_EXPIRES_MS = 60_000

/** Largest message that is read, in bytes. */
const MOST_BYTES = 16 * 1024 * 1024

/** So many are handed on without waiting for the end of the turn. */
const MOST_AT_ONCE = 1000

/** Hears the events of all nodes, Python's and ours (celery/events/receiver.py). Survives reconnects by itself. */
export class Listener implements Service {
  readonly #counts = { heard: 0, refused: 0 }
  readonly #options: ListenerOptions
  readonly #clock: Clock
  readonly #queue: string
  readonly #lifecycle = new Lifecycle(() => new LovageError('BROKER_CLOSED'))
  #consumer: Consumer | undefined
  #heard: HeardEvent[] = []
  #isScheduled = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#queue = `${EVENT_EXCHANGE}.${this.#clock.uuid()}`
  }

  get counts(): ListenerCounts {
    return { ...this.#counts }
  }

  /**
   * Resolves when no event is missed any more.
   * @throws LovageError as `Broker.declare` and `Broker.consume` do
   */
  start(): Promise<void> {
    return this.#lifecycle.start(async () => {
      const { broker } = this.#options
      await broker.declare(this.#topology())
      this.#consumer = await broker.consume({
        queues: [this.#queue],
        prefetch: 0,
        noAck: true,
        onDelivery: (delivery) => this.#hear(delivery),
      })
    })
  }

  /** Nothing is handed on once this has resolved. */
  stop(): Promise<void> {
    return this.#lifecycle.stop(async (running) => {
      await running.catch(() => {})
      const { broker } = this.#options
      await this.#consumer?.cancel().catch(() => {})
      this.#consumer = undefined
      // It goes by itself; said here, so that the broker does not declare it again after a loss.
      await broker.admin?.deleteQueue(this.#queue).catch(() => {})
      this.#heard = []
    })
  }

  #topology(): Topology {
    const { broker, routingKey = '#' } = this.#options
    const queue = this.#queue
    return {
      exchanges: [eventExchange(broker)],
      queues: [
        {
          name: queue,
          durable: false,
          autoDelete: true,
          messageTtlMs: EVENT_TTL_MS,
          expiresMs: QUEUE_EXPIRES_MS,
        },
      ],
      bindings: [{ exchange: EVENT_EXCHANGE, queue, routingKey }],
    }
  }

  #hear({ message }: Delivery): void {
    try {
      const size = message.body.byteLength
      if (size > MOST_BYTES) throw new LovageError('MESSAGE_TOO_LARGE', { size, limit: MOST_BYTES })
      const { events, refused } = readEvents(message)
      const heardAtMs = this.#clock.now()
      for (const event of events) this.#heard.push(this.#adjusted(event, heardAtMs))
      if (refused > 0) this.#refuse(refused, 'it has no type or no hostname')
    } catch (error) {
      this.#refuse(1, messageOf(error))
    }
    if (this.#heard.length >= MOST_AT_ONCE) return this.#handOn()
    if (this.#isScheduled || this.#heard.length === 0) return
    this.#isScheduled = true
    this.#clock.turn(() => {
      this.#isScheduled = false
      this.#handOn()
    })
  }

  #adjusted(event: CeleryEvent, heardAtMs: number): HeardEvent {
    const { lamport } = this.#options
    // The clock of a client never hears of others: what it sends counts as the latest that we know of.
    const clock = event.type === 'task-sent' ? Math.max(lamport.value - 1, 0) : event.clock
    lamport.adjust(clock)
    return { ...event, clock, heardAtMs }
  }

  #handOn(): void {
    const events = this.#heard
    if (events.length === 0) return
    this.#heard = []
    this.#counts.heard += events.length
    try {
      this.#options.onEvents(events)
    } catch (error) {
      log('error', 'fleet', 'events were not taken', { events: events.length, error: messageOf(error) })
    }
  }

  #refuse(count: number, problem: string): void {
    this.#counts.refused += count
    log('debug', 'fleet', 'no event', { count, problem })
  }
}
