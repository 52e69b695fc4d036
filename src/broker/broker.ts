import type { Service } from '../base/service.ts'
import type { Headers } from '../protocol/headers.ts'
import type { Message } from '../protocol/message.ts'

/** A queue to be there. Flags are Celery's: see the topology table of docs/wire.md. */
export interface QueueSpec {
  readonly name: string
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean
  /** Goes with its last consumer. Default false. */
  readonly autoDelete?: boolean
  readonly exclusive?: boolean
  /** Goes after so long without a consumer. */
  readonly expiresMs?: number
  /** Waiting messages are dropped after so long. */
  readonly messageTtlMs?: number
  /** Most messages that wait; the oldest goes first. */
  readonly maxLength?: number
  /** Highest priority; without it priorities are ignored. */
  readonly maxPriority?: number
  /** It is declared once, and not again when the connection is lost: who declares it does not know when it goes. */
  readonly isPassing?: boolean
  /** Other arguments, as they are (`x-queue-type`, ...). */
  readonly arguments?: Headers
}

export interface ExchangeSpec {
  readonly name: string
  readonly type: 'direct' | 'topic' | 'fanout'
  /** Default true. */
  readonly durable?: boolean
  readonly autoDelete?: boolean
}

export interface BindingSpec {
  readonly exchange: string
  readonly queue: string
  readonly routingKey: string
}

/** What must be there before messages flow. */
export interface Topology {
  readonly exchanges?: readonly ExchangeSpec[]
  readonly queues?: readonly QueueSpec[]
  readonly bindings?: readonly BindingSpec[]
}

/** Where a message goes. Exchange `''` means: straight to the queue named by the routing key. */
export interface Destination {
  readonly exchange: string
  readonly routingKey: string
}

export interface PublishOptions {
  /** Fail with `UNROUTABLE` when no queue takes it, instead of dropping it. Default true. */
  readonly mandatory?: boolean
  /** A message that came from the broker: it is passed on whatever its size. Default false. */
  readonly isPassedOn?: boolean
  /** Longest wait for the confirmation. Default: the broker's `publishTimeoutMs`, 2 s. */
  readonly timeoutMs?: number
}

/** One message handed to a consumer. Exactly one of ack, requeue, reject is called on it, once. */
export interface Delivery {
  readonly message: Message
  /** The queue it was read from. */
  readonly queue: string
  /** As the message was published. */
  readonly exchange: string
  readonly routingKey: string
  /** It was handed out before, here or elsewhere, and not settled. */
  readonly redelivered: boolean
  /** False once it is settled, or known to be lost: with its connection, say. The broker then gives it to somebody again. */
  readonly isOurs: boolean
  /**
   * Done with. All three return false, and do nothing, when the delivery is no longer ours (the connection was lost, it
   * was settled before): the broker gives the message to somebody again.
   */
  ack(): boolean
  /** Back to its queue, to be handed out again at once. */
  requeue(): boolean
  /** Away; to a dead-letter exchange if the queue has one. Lovage itself never rejects: it moves, then acks. */
  reject(): boolean
}

export interface ConsumeOptions {
  /** Queues read with one common credit. Each must exist. */
  readonly queues: readonly string[]
  /** What the broker is told of who reads, by queue (`x-priority`, ...). RabbitMQ only; others read without it. */
  readonly arguments?: Readonly<Record<string, Headers>>
  /** Most deliveries unsettled at a time, over all the queues; 0 is no limit. */
  readonly prefetch: number
  /** Deliveries count as settled when handed over. Default false. */
  readonly noAck?: boolean
  /** Called for each delivery, never before `consume` has resolved. Must not throw. */
  readonly onDelivery: (delivery: Delivery) => void
}

/** A running subscription. It survives reconnects by itself. */
export interface Consumer {
  /** Changes the credit while running. */
  setPrefetch(prefetch: number): void
  /** Resolves when no further delivery will come. What is unsettled stays ours. */
  cancel(): Promise<void>
}

/** Whether messages can flow now. */
export type BrokerState = 'connecting' | 'connected' | 'lost' | 'stopped'

/**
 * Where messages wait. The seam that every kind of broker fills; `testing/broker-suite.ts` says what holds for all.
 *
 * `start` connects: it rejects with `BROKER_REFUSED` at once when the credentials are wrong, with `BROKER_UNREACHABLE`
 * when the connect time limit has passed. Later losses are mended by the broker itself: it reconnects with backoff,
 * declares again, consumes again, and sends unconfirmed messages again. Every call on a broker that is not started, or
 * stopped, throws `BROKER_CLOSED`; a call that finds it lost waits, and throws `BROKER_UNREACHABLE` in the end.
 */
export interface Broker extends Service {
  readonly kind: string
  readonly state: BrokerState
  /**
   * Makes it be there, now and after each reconnect. Throws `TOPOLOGY_MISMATCH` when it is there with other flags,
   * `TOPOLOGY_MISSING` when a binding names what is not there.
   */
  declare(topology: Topology): Promise<void>
  /**
   * Resolves when the broker holds the message, which must not be changed from the call on. Throws `PUBLISH_TIMEOUT` or `BROKER_UNREACHABLE` when the time limit
   * passed (the message may or may not be there), `UNROUTABLE`, `PUBLISH_REFUSED`, `MESSAGE_TOO_LARGE`,
   * `ENCODE_FAILED` (a header or property that has no form on the wire).
   */
  publish(message: Message, to: Destination, options?: PublishOptions): Promise<void>
  /** Begins to read queues. Throws `TOPOLOGY_MISSING` when one is not there. */
  consume(options: ConsumeOptions): Promise<Consumer>
  /**
   * Calls `fn` once, at the end of this turn of the event loop: what it publishes goes out with what the turn has written,
   * and not a turn later. Undefined where that is the same.
   */
  atTurnEnd?(fn: () => void): void
  /** Proves that a message can make its way to the broker now. Throws as `publish` does. */
  probe(timeoutMs: number): Promise<void>
  /** Tells of each change of `state`; the returned function ends that. */
  onState(listener: (state: BrokerState) => void): () => void
  /** Takes a delivery back that stays unsettled for too long, as RabbitMQ does (`consumer_timeout`). Default false. */
  readonly hasConsumerTimeout?: boolean
  /** Looking into queues, where the kind can. */
  readonly admin?: BrokerAdmin
  /** Keeping messages until their time, where the kind can. */
  readonly delays?: BrokerDelays
}

/** Where a message with a time is: it waits with the broker, or is in its queue already, for its reader to hold. */
export type DelayedTo = 'kept' | 'queued'

/**
 * Messages that wait with the broker for their time: in no queue, in nobody's hands, and as safe as in a queue. The time
 * is told in epoch ms. A message may come up to a second before it, and late while nobody is there who moves it: who reads
 * it still looks at its time. Its expiration does not count, and is left out: its reader says that it has expired.
 */
export interface BrokerDelays {
  /**
   * Resolves when the broker holds the message. `queued`: it is in its queue already, because nobody is there who would
   * move it, or because a message to this destination cannot wait. Throws as `publish` does.
   */
  publish(message: Message, to: Destination, atMs: number, options?: PublishOptions): Promise<DelayedTo>
  /**
   * Has a delivery that is ours wait with the broker until its time; it then comes to the same queue, as a new message.
   * False: it could not, and is still whatever it was. Must not be settled meanwhile. Throws `BROKER_CLOSED`.
   */
  keep(delivery: Delivery, atMs: number): Promise<boolean>
  /**
   * Takes part in moving what is due, where the broker does not do that itself, until the returned function is called.
   * `queues` are those that this process reads.
   */
  move(queues: readonly string[]): Promise<() => Promise<void>>
  /** Drops what waits for its time and would come to this queue; returns how many. Undefined where the kind cannot. */
  readonly purge?: (queue: string) => Promise<number>
  /** Up to `limit` of what waits for this queue, the first that is due first. Undefined where the kind cannot. */
  readonly list?: (queue: string, limit: number) => Promise<readonly DelayedMessage[]>
}

/** A message that waits for its time. */
export interface DelayedMessage {
  /** Epoch ms. */
  readonly atMs: number
  readonly message: Message
}

/** A message, and where it is to go. */
export interface Posting {
  readonly message: Message
  readonly to: Destination
}

/**
 * Publishes messages in one step: all of them or none, whoever dies but the broker. Resolves when it holds them, with those
 * that no queue has taken. Where it throws as `publish` does, they are there or they are not, all; what is in the hands of
 * the visitor comes back to the queue behind them, never before. Nothing of that is to be settled after it.
 */
export type PublishTogether = (postings: readonly Posting[]) => Promise<readonly Posting[]>

/** Looks at one message that waits. `false`: it wants to see no more. `together` is there on RabbitMQ. */
export type Visit = (delivery: Delivery, together?: PublishTogether) => void | false | Promise<void | false>

export interface QueueDepth {
  readonly queue: string
  /** Ready to be handed out. */
  readonly messages: number
  readonly consumers: number
  /** Waiting for their time; undefined where there are none, or where the kind cannot tell. */
  readonly delayed?: number
}

/** What `lovage queues`, `purge` and `dead` stand on. */
export interface BrokerAdmin {
  /** Undefined when there is no such queue. */
  depth(queue: string): Promise<QueueDepth | undefined>
  /** Drops what waits; returns how many. */
  purge(queue: string): Promise<number>
  /**
   * Hands out up to `limit` waiting messages, oldest first, each unsettled until `visit` settles it or returns; what it
   * leaves unsettled goes back to its place, when all were visited. Returns how many were.
   */
  visit(queue: string, limit: number, visit: Visit): Promise<number>
  /** Removes the queue, with what waits in it. */
  deleteQueue(queue: string): Promise<void>
}
