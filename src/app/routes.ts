import { LovageError } from '../base/errors.ts'
import type { Destination } from '../broker/broker.ts'
import { Unfit } from './check.ts'
import { type Queue, queueOf, type QueueSettings } from './queues.ts'
import { type RouteOptions, type Router, routeTarget } from './route-options.ts'

/** Settings that routes are resolved by. */
export interface RouteSettings extends QueueSettings {
  readonly routes: readonly Router[]
  readonly defaultPriority: number | undefined
  readonly defaultDeliveryMode: 1 | 2
}

/** Where a message goes, how, and the queue that must be there before. */
export interface Route {
  readonly destination: Destination
  /** Undefined where the caller named an exchange, or a queue that each worker makes for itself: it is not ours to make. */
  readonly queue: string | undefined
  readonly priority: number
  readonly deliveryMode: 1 | 2
}

/** A call, as far as routers are told of it. */
export interface RoutedCall {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Those of the call over those of the task. */
  readonly options: RouteOptions
}

/**
 * Where a call goes, in Celery's order: what the call says wins over what the task says, that over the first route that
 * knows the task, that over the defaults.
 * @throws LovageError `QUEUE_UNKNOWN`, `ROUTE_INVALID`; what a routing function throws
 */
export function resolveRoute(settings: RouteSettings, call: RoutedCall): Route {
  const route = firstOf(settings.routes, call)
  const asked = route ? { ...route, ...defined(call.options) } : call.options
  const where = `a call of ${call.task}`
  const named = asked.queue === undefined ? undefined : queueOf(settings, asked.queue, where)
  // An exchange without routing key says too little where its queue is another one.
  const queue = named ?? (asked.exchange === undefined ? queueOf(settings, settings.defaultQueue, where) : undefined)
  return Object.freeze({
    destination: destinationOf(asked, queue, settings),
    queue: queue?.broadcast ? undefined : queue?.name,
    priority: asked.priority ?? settings.defaultPriority ?? 0,
    deliveryMode: asked.deliveryMode ?? queue?.exchange.deliveryMode ?? settings.defaultDeliveryMode,
  })
}

/** A queue on a direct exchange is reached past that, as Celery does it, unless exchange and routing key are both named. */
function destinationOf(
  { exchange, routingKey }: RouteOptions,
  queue: Queue | undefined,
  settings: RouteSettings,
): Destination {
  if (!queue) return { exchange: exchange ?? '', routingKey: routingKey ?? settings.defaultRoutingKey }
  if (queue.exchange.type === 'direct' && (exchange === undefined || routingKey === undefined)) {
    return { exchange: '', routingKey: queue.name }
  }
  if (exchange === undefined) return { exchange: queue.exchange.name, routingKey: routingKey ?? queue.routingKey }
  return { exchange, routingKey: routingKey ?? '' }
}

/** What the first router says that says anything. */
function firstOf(routers: readonly Router[], { task, args, kwargs, options }: RoutedCall): RouteOptions | undefined {
  for (const { isDynamic, route } of routers) {
    const found = route(task, args, kwargs, options)
    if (found === undefined || found === null) continue
    return isDynamic ? checked(found, task) : (found as RouteOptions)
  }
  return undefined
}

function checked(found: unknown, task: string): RouteOptions {
  try {
    return routeTarget(found)
  } catch (error) {
    if (!(error instanceof Unfit)) throw error
    throw new LovageError('ROUTE_INVALID', { task, problem: error.message, fix: error.fix })
  }
}

function defined(options: RouteOptions): RouteOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
