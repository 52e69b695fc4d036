import type { Destination, Topology } from '../broker/broker.ts'
import type { Settings } from './settings.ts'

/** Where a call asks to go. */
export interface RouteOptions {
  readonly queue?: string | undefined
  readonly exchange?: string | undefined
  readonly routingKey?: string | undefined
}

/**
 * What must be there for a queue of tasks, with Celery's flags: a durable queue bound to a durable direct exchange of
 * its own name. (Celery's default queue and its default exchange are both called `celery`.)
 */
export function queueTopology(name: string, settings: Partial<Pick<Settings, 'queueMaxPriority'>> = {}): Topology {
  const { queueMaxPriority: maxPriority } = settings
  return {
    exchanges: [{ name, type: 'direct', durable: true }],
    queues: [{ name, durable: true, ...(maxPriority !== undefined && { maxPriority }) }],
    bindings: [{ exchange: name, queue: name, routingKey: name }],
  }
}

/**
 * Where a message is published. A queue is reached through the default exchange, as Celery does; a routing key without
 * exchange goes to the exchange of the queue; an exchange without routing key takes the name of the queue for it.
 */
export function destinationOf({ queue, exchange, routingKey }: RouteOptions, defaultQueue = 'celery'): Destination {
  const name = queue ?? defaultQueue
  if (exchange !== undefined) return { exchange, routingKey: routingKey ?? name }
  if (routingKey !== undefined) return { exchange: name, routingKey }
  return { exchange: '', routingKey: name }
}
