import type { Duration } from '../base/duration.ts'
import type { Headers } from '../protocol/headers.ts'
import {
  type Check,
  checkAll,
  type Checks,
  flag,
  listOf,
  oneOf,
  shortText,
  shown,
  Unfit,
  wait,
  whole,
} from './check.ts'

/** How an exchange passes messages on: by the whole routing key, by its words, or to all that are bound. */
export type ExchangeType = 'direct' | 'topic' | 'fanout'

/** How a queue is kept: `classic`, or `quorum`, which is replicated. RabbitMQ only. */
export type QueueType = 'classic' | 'quorum'

/** An exchange of the setting `queues`. */
export interface ExchangeOptions {
  readonly name: string
  /** Default: the one that is given to it elsewhere, else `'direct'`. */
  readonly type?: ExchangeType
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean
  /** Goes with its last queue. Default false. */
  readonly autoDelete?: boolean
  /** How messages for its queues are kept: 2 on disk, 1 in memory. Default 2. */
  readonly deliveryMode?: 1 | 2
}

/** One of several exchanges that feed a queue. */
export interface BindingOptions {
  readonly exchange: string | ExchangeOptions
  /** Default `''`. */
  readonly routingKey?: string
}

/** A queue of the setting `queues`: kombu's `Queue`. */
export interface QueueOptions {
  /** Default: `defaultExchange`. */
  readonly exchange?: string | ExchangeOptions
  /** Type of `exchange`, where that is a name. */
  readonly exchangeType?: ExchangeType
  /** What it is bound to `exchange` with. Default: `defaultRoutingKey`; in an object of queues the name of the queue. */
  readonly routingKey?: string
  /** The exchanges that feed it, in place of `exchange`, where these are several. */
  readonly bindings?: readonly BindingOptions[]
  /** Survives a restart of the broker. Default true. */
  readonly durable?: boolean
  /** Goes with its last reader. Default false. */
  readonly autoDelete?: boolean
  /** Only the connection that declares it may use it, and it goes with that. Default false. */
  readonly exclusive?: boolean
  /** Default: the broker's own. */
  readonly type?: QueueType
  /** Highest priority, 1 to 255. Default: `queueMaxPriority`. Not on quorum queues. */
  readonly maxPriority?: number
  /** Goes after so long without a reader. Default: never. */
  readonly expires?: Duration
  /** What waits is dropped after so long. Default: never. */
  readonly messageTtl?: Duration
  /** Most messages that wait; the oldest goes first. Default: no limit. */
  readonly maxLength?: number
  /** Further arguments of the queue, as the broker names them: `{ 'x-single-active-consumer': true }`. */
  readonly arguments?: Headers
  /** Arguments of those who read it: `{ 'x-priority': 10 }`. RabbitMQ only. */
  readonly consumerArguments?: Headers
}

/** A queue that knows its name. */
export interface NamedQueue extends QueueOptions {
  readonly name: string
}

/** A queue of which each worker has its own: see {@link broadcast}. */
export interface BroadcastQueue extends Omit<QueueOptions, 'type'> {
  readonly broadcast: string
  /** Name of the queue. Default: `bcast.<uuid>`, another in each worker. */
  readonly queue?: string
  /** Adds a UUID to `queue`. Default false. */
  readonly unique?: boolean
}

/** What the setting `queues` takes: Celery's `task_queues`. */
export type QueuesOption =
  | readonly (string | NamedQueue | BroadcastQueue)[]
  | Readonly<Record<string, QueueOptions | BroadcastQueue>>

/**
 * A queue for tasks that each worker runs: every worker that reads `name` has a queue of its own on a fanout exchange of
 * that name, which goes with the worker. kombu's `Broadcast`.
 */
export function broadcast(name: string, options: Omit<BroadcastQueue, 'broadcast'> = {}): BroadcastQueue {
  return { ...options, broadcast: name }
}

/** Options of a queue, checked; times in milliseconds. */
export interface CheckedQueue {
  /** Undefined where it comes from elsewhere. */
  name: string
  broadcast: string
  queue: string
  unique: boolean
  exchange: CheckedExchange
  exchangeType: ExchangeType
  routingKey: string
  bindings: readonly CheckedBinding[]
  durable: boolean
  autoDelete: boolean
  exclusive: boolean
  type: QueueType
  maxPriority: number
  expires: number
  messageTtl: number
  maxLength: number
  arguments: Headers
  consumerArguments: Headers
}

/** An exchange, checked. */
export type CheckedExchange = { name: string } & Partial<Omit<Required<ExchangeOptions>, 'name'>>

/** A binding, checked. */
export interface CheckedBinding {
  readonly exchange: CheckedExchange
  readonly routingKey: string
}

/** A name of AMQP has 255 bytes, and `<queue>.dead` must be one. */
const MAX_QUEUE_BYTES = 250

/** The name of a queue that is read, whose dead letters have a name too. */
export const queueName: Check<string> = (value) => {
  const name = shortText(value)
  if (Buffer.byteLength(name) <= MAX_QUEUE_BYTES) return name
  const bytes = Buffer.byteLength(name)
  const fix = `Use at most ${MAX_QUEUE_BYTES} bytes: the name of its dead letters is longer by five`
  throw new Unfit(`has a name that is ${bytes} bytes long`, fix)
}

/** A routing key, which may be empty. */
export const routingKey: Check<string> = (value) => (value === '' ? '' : shortText(value))

/** How messages are kept: on disk, or in memory. */
export const deliveryMode: Check<1 | 2> = (value) => {
  if (value === 1 || value === 2) return value
  throw new Unfit(`must be 1 or 2, and is ${shown(value)}`, 'Write 2 for messages kept on disk, 1 for those in memory')
}

/** @see ExchangeType */
export const exchangeType = oneOf('direct', 'topic', 'fanout')

/** @see QueueType */
export const queueType = oneOf('classic', 'quorum')

const EXCHANGE_CHECKS: Checks<Required<ExchangeOptions>> = {
  name: shortText,
  type: exchangeType,
  durable: flag,
  autoDelete: flag,
  deliveryMode,
}

const exchange: Check<CheckedExchange> = (value) => {
  if (typeof value === 'string') return Object.freeze({ name: shortText(value) })
  const checked = checkMembers(value, EXCHANGE_CHECKS, "Write its name, or { name: 'media', type: 'topic' }")
  if (checked.name === undefined) throw new Unfit('has no name', "Write { name: 'media', type: 'topic' }")
  return Object.freeze({ ...checked, name: checked.name })
}

const binding: Check<CheckedBinding> = (value) => {
  const fix = "Write { exchange: 'media', routingKey: 'video' }"
  const checked = checkMembers<CheckedBinding>(value, { exchange, routingKey }, fix)
  if (checked.exchange === undefined) throw new Unfit('has no exchange', fix)
  return Object.freeze({ exchange: checked.exchange, routingKey: checked.routingKey ?? '' })
}

const table: Check<Headers> = (value) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.freeze({ ...value }) as Headers
  throw new Unfit(`must be an object, and is ${shown(value)}`, "Write { 'x-name': value }")
}

const QUEUE_CHECKS: Checks<CheckedQueue> = {
  name: queueName,
  broadcast: queueName,
  queue: queueName,
  unique: flag,
  exchange,
  exchangeType,
  routingKey,
  bindings: listOf(binding),
  durable: flag,
  autoDelete: flag,
  exclusive: flag,
  type: queueType,
  maxPriority: whole(1, 255),
  expires: wait,
  messageTtl: wait,
  maxLength: whole(0),
  arguments: table,
  consumerArguments: table,
}

/**
 * Checks one queue of the setting.
 * @throws Unfit
 */
export function checkQueueOptions(value: unknown): Partial<CheckedQueue> {
  if (typeof value === 'string') return { name: queueName(value) }
  const checked = checkMembers(value, QUEUE_CHECKS, "Write a name, or { name: 'media', exchange: 'media' }")
  const named = checked.broadcast ?? checked.name
  const where = named === undefined ? '' : `: queue ${named}`
  const unfit = (problem: string, fix: string): Unfit => new Unfit(`is not right${where}: ${problem}`, fix)
  if (checked.broadcast !== undefined && checked.name !== undefined) {
    throw unfit('broadcast cannot stand beside name', "Write broadcast('news')")
  }
  if (checked.broadcast === undefined && (checked.queue !== undefined || checked.unique !== undefined)) {
    throw unfit('queue and unique are of broadcast queues', "Write broadcast('news', { queue: 'news-1' }), or name")
  }
  const { exchangeType: type, exchange: given } = checked
  if (checked.bindings && (given ?? type) !== undefined) {
    throw unfit('bindings stand in place of exchange', 'Make the exchange one of the bindings')
  }
  if (type !== undefined && given?.type !== undefined && given.type !== type) {
    throw unfit('exchangeType and exchange.type differ', 'Leave exchangeType out')
  }
  if (checked.type === 'quorum') refuseOfQuorum(checked, unfit)
  return checked
}

/** RabbitMQ refuses to declare such queues. */
function refuseOfQuorum(checked: Partial<CheckedQueue>, unfit: (problem: string, fix: string) => Unfit): void {
  const { maxPriority, durable, autoDelete, exclusive } = checked
  if (maxPriority !== undefined || checked.arguments?.['x-max-priority'] !== undefined) {
    throw unfit('a quorum queue has no priorities', 'Leave maxPriority out, or make it a classic queue')
  }
  const flaw = durable === false ? 'durable: false' : autoDelete ? 'autoDelete' : exclusive ? 'exclusive' : undefined
  if (flaw !== undefined) {
    throw unfit(`a quorum queue cannot be ${flaw}`, `Leave ${flaw} out, or make it a classic queue`)
  }
}

/** Checks the members of an object; what is wrong is told with the name of the member. */
export function checkMembers<T>(value: unknown, checks: Checks<T>, fix: string): Partial<T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Unfit(`has ${shown(value)}, which is no object`, fix)
  }
  return checkAll<T>(value, checks, {
    unknown: (name, advice) => new Unfit(`has ${name}, which does not exist`, advice),
    invalid: (name, problem, advice) => new Unfit(`is not right: ${name} ${problem}`, advice),
  })
}
