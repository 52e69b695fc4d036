import { isLovageError } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { QueueSpec } from '../../broker/broker.ts'
import { messageOf } from '../../base/errors.ts'
import { type Command, type Commands, nok, ok, type Panel, raised } from './panel.ts'

const TYPES = ['direct', 'topic', 'fanout'] as const

/** A queue as kombu's `Queue.as_dict` has it. */
function described({ steering }: Panel, name: string): unknown {
  const { exchanges = [], queues = [], bindings = [] } = steering.reading.topologyOf(name)
  const queue = queues.find((spec) => spec.name === name) ?? { name }
  const [binding] = bindings.filter((spec) => spec.queue === name)
  const exchange = exchanges.find((spec) => spec.name === binding?.exchange)
  return {
    name,
    exchange: {
      name: binding?.exchange ?? '',
      type: exchange?.type ?? 'direct',
      arguments: null,
      durable: exchange?.durable ?? true,
      passive: false,
      auto_delete: exchange?.autoDelete ?? false,
      delivery_mode: null,
      no_declare: false,
    },
    routing_key: binding?.routingKey ?? name,
    queue_arguments: argumentsOf(queue),
    binding_arguments: null,
    consumer_arguments: null,
    durable: queue.durable ?? true,
    exclusive: queue.exclusive ?? false,
    auto_delete: queue.autoDelete ?? false,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
    expires: secondsOf(queue.expiresMs),
    message_ttl: secondsOf(queue.messageTtlMs),
    max_length: queue.maxLength ?? null,
    max_length_bytes: null,
    max_priority: queue.maxPriority ?? null,
  }
}

function argumentsOf({ arguments: given }: QueueSpec): unknown {
  return given && Object.keys(given).length > 0 ? given : null
}

function secondsOf(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000
}

const addConsumer: Command = {
  needs: ['queue'],
  run: async ({ steering }, given) => {
    const { queue, exchange, exchange_type: type, routing_key: routingKey } = given
    if (typeof queue !== 'string') return raised('ValueError', 'queue must be a text')
    const exchangeType = TYPES.find((known) => known === (type ?? 'direct'))
    if (!exchangeType) return raised('ValueError', `exchange_type must be one of ${TYPES.join(', ')}`)
    const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
    try {
      await steering.addConsumer(queue, { exchange: text(exchange), exchangeType, routingKey: text(routingKey) })
    } catch (error) {
      log('error', 'worker', 'a queue cannot be read', { queue, problem: messageOf(error) })
      if (isLovageError(error)) return nok(`${error.message}. ${error.fix}`)
      throw error
    }
    return ok(`add consumer ${queue}`)
  },
}

const cancelConsumer: Command = {
  needs: ['queue'],
  run: async ({ steering }, { queue }) => {
    if (typeof queue !== 'string') return raised('ValueError', 'queue must be a text')
    await steering.cancelConsumer(queue)
    return ok(`no longer consuming from ${queue}`)
  },
}

/** What is read, and how that is changed. */
export const QUEUES: Commands = {
  active_queues: { takes: [], run: (panel) => panel.steering.reading.queues.map((name) => described(panel, name)) },
  add_consumer: addConsumer,
  cancel_consumer: cancelConsumer,
}
