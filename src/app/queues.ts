import { LovageError } from '../base/errors.ts'
import type { ExchangeSpec, QueueSpec, Topology } from '../broker/broker.ts'
import type { Headers } from '../protocol/headers.ts'
import { type Check, shown, Unfit } from './check.ts'
import {
  type CheckedExchange,
  type CheckedQueue,
  checkQueueOptions,
  type ExchangeType,
  queueName,
  type QueueType,
} from './queue-options.ts'

/** An exchange as everything reads it. */
export interface Exchange extends ExchangeSpec {
  readonly deliveryMode: 1 | 2 | undefined
}

/** A queue as everything reads it: what must be there for it, and how messages get to it. */
export interface Queue {
  /** What it is called by: of a broadcast queue the name that all workers share. */
  readonly name: string
  /** The way to it, where a call does not say another. */
  readonly exchange: Exchange
  readonly routingKey: string
  /** In place of that of `exchange` with `routingKey`, where there are any. */
  readonly bindings: readonly { readonly exchange: Exchange; readonly routingKey: string }[]
  readonly spec: Omit<QueueSpec, 'name'>
  /** Set: each worker has a queue of its own, of which this is the name, or to which a UUID is added. */
  readonly broadcast: { readonly queue: string | undefined; readonly unique: boolean } | undefined
  readonly consumerArguments: Headers | undefined
}

/** What queues are made by. */
export interface QueueSettings {
  /** Empty: there is the default queue, and others are as they are asked for. */
  readonly queues: ReadonlyMap<string, Queue>
  readonly defaultQueue: string
  readonly defaultExchange: string
  readonly defaultExchangeType: ExchangeType
  readonly defaultRoutingKey: string
  readonly defaultQueueType: QueueType | undefined
  readonly createMissingQueues: boolean
  readonly createMissingQueueType: QueueType | undefined
  readonly createMissingQueueExchangeType: ExchangeType
  readonly queueMaxPriority: number | undefined
}

/** What the setting `queues` is once it is checked. */
export interface GivenQueues {
  readonly list: readonly Partial<CheckedQueue>[]
  /** They came as an object: each is bound with its own name then, as Celery does it. */
  readonly areByName: boolean
}

/** The check of the setting `queues`. */
export const givenQueues: Check<GivenQueues> = (value) => {
  const fix = "Write a list of names and queues: ['celery', { name: 'media', exchange: 'media' }]"
  if (typeof value !== 'object' || value === null) throw new Unfit(`must be a list, and is ${shown(value)}`, fix)
  const areByName = !Array.isArray(value)
  const list = areByName
    ? Object.entries(value).map(([name, one]) => {
        const checked = checkQueueOptions(one ?? {})
        if (checked.broadcast !== undefined) return checked
        return { ...checked, name: queueName(checked.name ?? name) }
      })
    : (value as unknown[]).map((one) => checkQueueOptions(one))
  const names = new Set<string>()
  for (const one of list) {
    const name = one.broadcast ?? one.name
    if (name === undefined) throw new Unfit('has a queue without a name', fix)
    if (names.has(name)) throw new Unfit(`has the queue ${name} twice`, 'Name each queue once')
    names.add(name)
  }
  checkExchanges(list)
  return { list, areByName }
}

/** Makes the queues that the settings name, as kombu and Celery would. */
export function makeQueues(
  given: GivenQueues | undefined,
  settings: Omit<QueueSettings, 'queues'>,
): Map<string, Queue> {
  const { defaultExchange, defaultExchangeType, defaultRoutingKey, queueMaxPriority } = settings
  const list = given?.list ?? []
  const exchanges = new Map<string, CheckedExchange>([
    [defaultExchange, { name: defaultExchange, type: defaultExchangeType }],
  ])
  for (const one of list.flatMap(exchangesOf)) exchanges.set(one.name, { ...exchanges.get(one.name), ...one })
  const exchangeOf = (name: string): Exchange => makeExchange(exchanges.get(name) as CheckedExchange)
  const queues = new Map<string, Queue>()
  for (const one of list) {
    const name = (one.broadcast ?? one.name) as string
    const ownKey = given?.areByName && one.broadcast === undefined ? name : defaultRoutingKey
    const fanout = one.broadcast === undefined ? defaultExchange : name
    queues.set(
      name,
      Object.freeze({
        name,
        exchange: { ...exchangeOf(one.exchange?.name ?? fanout), deliveryMode: one.exchange?.deliveryMode },
        routingKey: one.routingKey || ownKey,
        bindings: (one.bindings ?? []).map((bound) => ({
          exchange: exchangeOf(bound.exchange.name),
          routingKey: bound.routingKey,
        })),
        spec: specOf(one, queueMaxPriority),
        broadcast: one.broadcast === undefined ? undefined : { queue: one.queue, unique: one.unique ?? false },
        consumerArguments: one.consumerArguments,
      }),
    )
  }
  return queues
}

/**
 * A queue by its name; undefined: it is none of `queues`, and none may be made.
 */
export function findQueue(settings: QueueSettings, name: string): Queue | undefined {
  const known = settings.queues.get(name)
  if (known) return known
  const { queues, defaultQueue, defaultExchange, defaultRoutingKey, queueMaxPriority: maxPriority } = settings
  if (queues.size === 0 && name === defaultQueue) {
    const exchange = makeExchange({ name: defaultExchange, type: settings.defaultExchangeType })
    const { defaultQueueType: type } = settings
    return plainQueue(name, exchange, defaultRoutingKey, { type, maxPriority })
  }
  if (!settings.createMissingQueues) return undefined
  const type = settings.createMissingQueueType
  const exchange = makeExchange({ name, type: settings.createMissingQueueExchangeType })
  return plainQueue(name, exchange, name, { type, maxPriority })
}

/**
 * A queue by its name: one of `queues`, the default queue, or one that is made for it.
 * @param where Who asks, for the error: `'the worker'`.
 * @throws LovageError `QUEUE_UNKNOWN`
 */
export function queueOf(settings: QueueSettings, name: string, where: string): Queue {
  const queue = findQueue(settings, name)
  if (queue) return queue
  const known = [...settings.queues.keys()].join(', ') || settings.defaultQueue
  throw new LovageError('QUEUE_UNKNOWN', { queue: name, where, known })
}

/**
 * A queue that somebody asks for at run time: as the settings say where they name it, else as it is asked for, by default
 * on a direct exchange of its own name, as Celery has it.
 */
export function askedQueue(settings: QueueSettings, name: string, asked: AskedBinding = {}): Queue {
  const known = settings.queues.get(name)
  if (known) return known
  const { exchange = name, exchangeType: type, routingKey = name } = asked
  const { createMissingQueueType, queueMaxPriority: maxPriority } = settings
  return plainQueue(name, makeExchange({ name: exchange, type }), routingKey, {
    type: createMissingQueueType,
    maxPriority,
  })
}

/** How a queue that is asked for at run time is bound. */
export interface AskedBinding {
  /** Default: an exchange of the name of the queue. */
  readonly exchange?: string | undefined
  /** Default `'direct'`. */
  readonly exchangeType?: ExchangeType | undefined
  /** Default: the name of the queue. */
  readonly routingKey?: string | undefined
}

/** The names of the queues that a worker reads that is told none. */
export function queuesRead({ queues, defaultQueue }: QueueSettings): readonly string[] {
  return queues.size > 0 ? [...queues.keys()] : [defaultQueue]
}

/**
 * What must be there for a queue, with Celery's flags. `as` is the queue on the broker, where it is called otherwise: of a
 * broadcast queue the one of this worker. A queue that is not known, and may not be made, has itself alone: it was there.
 */
export function topologyOf(settings: QueueSettings, name: string, as = name): Topology {
  const queue = findQueue(settings, name)
  if (!queue) return { queues: [{ name: as }] }
  const own = { exchange: queue.exchange, routingKey: queue.routingKey }
  const bound = queue.bindings.length > 0 ? queue.bindings : [own]
  const exchanges = new Map(bound.map(({ exchange }) => [exchange.name, exchange]))
  // Those of the broker's own are there, and not to be declared.
  const ours = [...exchanges.values()].filter(({ name: exchange }) => !exchange.startsWith('amq.'))
  return {
    exchanges: ours.map(exchangeSpec),
    queues: [{ name: as, ...queue.spec }],
    bindings: bound.map(({ exchange, routingKey }) => ({ exchange: exchange.name, queue: as, routingKey })),
  }
}

/** The queue of a worker that reads this one: of a broadcast queue it is the worker's own. */
export function ownName({ name, broadcast }: Queue, uuid: () => string): string {
  if (!broadcast) return name
  const { queue, unique } = broadcast
  if (queue !== undefined && !unique) return queue
  return `${queue ?? 'bcast'}.${uuid()}`
}

function plainQueue(
  name: string,
  exchange: Exchange,
  routingKey: string,
  { type, maxPriority }: { type: QueueType | undefined; maxPriority: number | undefined },
): Queue {
  const given: Partial<CheckedQueue> = type === 'quorum' ? { type } : {}
  const spec = specOf(given, maxPriority)
  return { name, exchange, routingKey, bindings: [], spec, broadcast: undefined, consumerArguments: undefined }
}

function exchangeSpec({ name, type, durable, autoDelete }: Exchange): ExchangeSpec {
  return { name, type, durable: durable ?? true, ...(autoDelete && { autoDelete }) }
}

function makeExchange({ name, type, durable = true, autoDelete = false, deliveryMode }: CheckedExchange): Exchange {
  return Object.freeze({ name, type: type ?? 'direct', durable, ...(autoDelete && { autoDelete }), deliveryMode })
}

function specOf(one: Partial<CheckedQueue>, queueMaxPriority: number | undefined): Omit<QueueSpec, 'name'> {
  const { durable = true, exclusive = false, type, expires, messageTtl, maxLength } = one
  const isQuorum = type === 'quorum' || one.arguments?.['x-queue-type'] === 'quorum'
  const argued = one.arguments?.['x-max-priority'] === undefined ? queueMaxPriority : undefined
  // RabbitMQ declares no quorum queue with priorities.
  const maxPriority = one.maxPriority ?? (isQuorum ? undefined : argued)
  const table = { ...one.arguments, ...(type !== undefined && { 'x-queue-type': type }) }
  // As kombu has it: what has one reader goes with it. A queue of a worker's own goes with the worker.
  const autoDelete = exclusive || (one.autoDelete ?? one.broadcast !== undefined)
  return Object.freeze({
    durable,
    ...(autoDelete && { autoDelete }),
    ...(exclusive && { exclusive }),
    ...(expires !== undefined && { expiresMs: expires }),
    ...(messageTtl !== undefined && { messageTtlMs: messageTtl }),
    ...(maxLength !== undefined && { maxLength }),
    ...(maxPriority !== undefined && { maxPriority }),
    ...(Object.keys(table).length > 0 && { arguments: Object.freeze(table) }),
  })
}

/** The exchanges that one queue names, with the types that it gives them. */
function exchangesOf(one: Partial<CheckedQueue>): CheckedExchange[] {
  const type = one.broadcast === undefined ? one.exchangeType : 'fanout'
  const name = one.broadcast
  const own = one.exchange ?? (name === undefined ? undefined : { name })
  const first = own && type !== undefined ? { type, ...own } : own
  return [...(first ? [first] : []), ...(one.bindings ?? []).map(({ exchange }) => exchange)]
}

/** Two queues that name one exchange mean the same one: the broker takes only one declaration of it. */
function checkExchanges(list: readonly Partial<CheckedQueue>[]): void {
  const seen = new Map<string, CheckedExchange>()
  for (const one of list.flatMap(exchangesOf)) {
    const there = seen.get(one.name) ?? one
    for (const flag of ['type', 'durable', 'autoDelete'] as const) {
      if (there[flag] !== undefined && one[flag] !== undefined && there[flag] !== one[flag]) {
        const problem = `has the exchange ${one.name} with ${flag} ${shown(there[flag])} and with ${shown(one[flag])}`
        throw new Unfit(problem, 'Give an exchange the same everywhere')
      }
    }
    seen.set(one.name, { ...there, ...one })
  }
}
