import { type Checks, flag, shortText, Unfit, whole } from './check.ts'
import {
  deliveryMode,
  type ExchangeType,
  exchangeType,
  type QueuesOption,
  queueType,
  type QueueType,
} from './queue-options.ts'
import { type GivenQueues, givenQueues, makeQueues, type QueueSettings } from './queues.ts'
import { type RoutesOption, type Router, routers } from './route-options.ts'
import type { RouteSettings } from './routes.ts'

/** Settings of queues, and of the way to them. */
export interface GivenRoutingSettings {
  /** Queue of tasks that nothing sends elsewhere. Default `'celery'`, Celery's own. */
  readonly defaultQueue?: string
  /**
   * Queues there are, with their exchanges: Celery's `task_queues`. A worker that is told no queues reads all of them.
   * Default: `defaultQueue`.
   */
  readonly queues?: QueuesOption
  /**
   * Where tasks go that say nothing themselves: Celery's `task_routes`. Names, globs, regular expressions, functions; the
   * first that knows the task decides. Default: to `defaultQueue`.
   */
  readonly routes?: RoutesOption
  /** Exchange of queues that name none. Default: the name of `defaultQueue`. */
  readonly defaultExchange?: string
  /** Type of `defaultExchange`. Default `'direct'`. */
  readonly defaultExchangeType?: ExchangeType
  /** Routing key of queues that name none. Default: the name of `defaultQueue`. */
  readonly defaultRoutingKey?: string
  /** How the default queue is kept where `queues` are not named. Default: as the broker does. */
  readonly defaultQueueType?: QueueType
  /**
   * A queue that is none of `queues` is made when it is sent to or read, bound to an exchange of its own name. False: it is
   * refused (`QUEUE_UNKNOWN`). Default true.
   */
  readonly createMissingQueues?: boolean
  /** How queues are kept that are made so. Default: as the broker does. */
  readonly createMissingQueueType?: QueueType
  /** Type of the exchange of queues that are made so. Default `'direct'`. */
  readonly createMissingQueueExchangeType?: ExchangeType
  /** Highest priority of queues that name none; 1 to 255. Default: none, and priorities are ignored. */
  readonly queueMaxPriority?: number
  /** Priority of tasks that nothing gives another, 0 to 255. Default 0. */
  readonly defaultPriority?: number
  /** How messages are kept where their exchange does not say: 2 on disk, 1 in memory. Default 2. */
  readonly defaultDeliveryMode?: 1 | 2
}

/** The same, complete. */
export interface RoutingSettings extends QueueSettings, RouteSettings {
  readonly queues: QueueSettings['queues']
}

/** The same, checked. */
export interface CheckedRoutingSettings {
  defaultQueue: string
  queues: GivenQueues
  routes: readonly Router[]
  defaultExchange: string
  defaultExchangeType: ExchangeType
  defaultRoutingKey: string
  defaultQueueType: QueueType
  createMissingQueues: boolean
  createMissingQueueType: QueueType
  createMissingQueueExchangeType: ExchangeType
  queueMaxPriority: number
  defaultPriority: number
  defaultDeliveryMode: 1 | 2
}

/** The checks of {@link GivenRoutingSettings}. */
export const ROUTING_CHECKS: Checks<CheckedRoutingSettings> = {
  defaultQueue: shortText,
  queues: givenQueues,
  routes: routers,
  defaultExchange: shortText,
  defaultExchangeType: exchangeType,
  defaultRoutingKey: shortText,
  defaultQueueType: queueType,
  createMissingQueues: flag,
  createMissingQueueType: queueType,
  createMissingQueueExchangeType: exchangeType,
  queueMaxPriority: whole(1, 255),
  defaultPriority: whole(0, 255),
  defaultDeliveryMode: deliveryMode,
}

/**
 * Fills in what was not given.
 * @throws Unfit of `queues` and the default queue together
 */
export function resolveRouting(given: Partial<CheckedRoutingSettings>): RoutingSettings {
  const { defaultQueue = 'celery', createMissingQueues = true } = given
  const settings = {
    defaultQueue,
    defaultExchange: given.defaultExchange ?? defaultQueue,
    defaultExchangeType: given.defaultExchangeType ?? 'direct',
    defaultRoutingKey: given.defaultRoutingKey ?? defaultQueue,
    defaultQueueType: given.defaultQueueType,
    createMissingQueues,
    createMissingQueueType: given.createMissingQueueType,
    createMissingQueueExchangeType: given.createMissingQueueExchangeType ?? 'direct',
    queueMaxPriority: given.queueMaxPriority,
    defaultPriority: given.defaultPriority,
    defaultDeliveryMode: given.defaultDeliveryMode ?? 2,
    routes: given.routes ?? [],
  } as const
  const queues = makeQueues(given.queues, settings)
  if (queues.size > 0 && !createMissingQueues && !queues.has(defaultQueue)) {
    const fix = `Add it, or make one of them the default: defaultQueue: '${[...queues.keys()][0]}'`
    throw new Unfit(`do not have ${defaultQueue}, the default queue, and createMissingQueues is off`, fix)
  }
  return { ...settings, queues }
}
