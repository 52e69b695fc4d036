import { LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { BindingSpec, ExchangeSpec, QueueSpec, Topology } from '../broker.ts'
import { queueArguments } from '../queue-arguments.ts'
import { type Link, type LinkChannel, LinkError } from './link.ts'

/** Declares one after the other; the first that fails ends it. */
export async function declareTopology(channel: LinkChannel, topology: Topology, url: string): Promise<void> {
  for (const step of stepsOf(topology)) {
    try {
      await step.run(channel)
    } catch (error) {
      throw topologyError(error, step.entity, url)
    }
  }
}

/** Declares all that can be declared, on channels of its own; what cannot be is logged. Rejects when the link is lost. */
export async function declareAgain(link: Link, topology: Topology, url: string): Promise<void> {
  let channel: LinkChannel | undefined
  for (const step of stepsOf(topology)) {
    try {
      channel = channel?.isOpen ? channel : await link.openChannel({})
      await step.run(channel)
    } catch (error) {
      if (!link.isOpen) throw error
      log('error', 'broker', 'not declared again', {
        entity: step.entity,
        problem: messageOf(topologyError(error, step.entity, url)),
      })
    }
  }
  await channel?.close()
}

/** What the server's refusal of an operation on `entity` means. Losses of the connection are passed as they are. */
export function topologyError(error: unknown, entity: string, url: string): unknown {
  if (!(error instanceof LinkError) || error.code === 0 || error.scope === 'connection') return error
  const problem = error.message
  const missing = /no (queue|exchange) '([^']*)'/.exec(problem)
  if (error.code === 404)
    return new LovageError('TOPOLOGY_MISSING', { entity: missing ? `${missing[1]} ${missing[2]}` : entity })
  // 405: another connection's exclusive queue.
  if (error.code === 406 || error.code === 405) return new LovageError('TOPOLOGY_MISMATCH', { entity, problem })
  return new LovageError('BROKER_REFUSED', { url, problem })
}

interface Step {
  readonly entity: string
  readonly run: (channel: LinkChannel) => Promise<void>
}

function stepsOf({ exchanges = [], queues = [], bindings = [] }: Topology): Step[] {
  return [...exchanges.map(exchangeStep), ...queues.map(queueStep), ...bindings.map(bindingStep)]
}

function exchangeStep(spec: ExchangeSpec): Step {
  return { entity: `exchange ${spec.name}`, run: (channel) => channel.declareExchange(spec) }
}

function queueStep(spec: QueueSpec): Step {
  const { name, durable = true, autoDelete = false, exclusive = false } = spec
  const declaration = { name, durable, autoDelete, exclusive, arguments: queueArguments(spec) }
  return { entity: `queue ${name}`, run: (channel) => channel.declareQueue(declaration) }
}

function bindingStep({ queue, exchange, routingKey }: BindingSpec): Step {
  return {
    entity: `binding of ${queue} to ${exchange}`,
    run: (channel) => channel.bindQueue(queue, exchange, routingKey),
  }
}
