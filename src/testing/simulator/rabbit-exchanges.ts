import type { Destination, ExchangeSpec } from '../../broker/broker.ts'
import { exchangeMismatch } from '../../broker/queue-arguments.ts'
import { ChannelFault } from './rabbit-channel.ts'

interface Exchange {
  readonly spec: ExchangeSpec
  readonly bindings: { readonly queue: string; readonly routingKey: string }[]
}

/** The exchanges of the model: direct and fanout, and the nameless one. */
export class RabbitExchanges {
  readonly #exchanges = new Map<string, Exchange>()

  /** @throws ChannelFault 406 when it is there with other properties */
  declare(spec: ExchangeSpec): void {
    const there = this.#exchanges.get(spec.name)
    const problem = there && exchangeMismatch(there.spec, spec)
    if (problem) throw new ChannelFault(406, `PRECONDITION_FAILED - exchange '${spec.name}': ${problem}`)
    if (!there) this.#exchanges.set(spec.name, { spec, bindings: [] })
  }

  /** @throws ChannelFault 404 when there is no such exchange */
  bind(queue: string, exchange: string, routingKey: string): void {
    const { bindings } = this.#there(exchange, false)
    const isBound = bindings.some((bound) => bound.queue === queue && bound.routingKey === routingKey)
    if (!isBound) bindings.push({ queue, routingKey })
  }

  /** A queue is gone. */
  unbind(queue: string): void {
    for (const [name, { spec, bindings }] of this.#exchanges) {
      const before = bindings.length
      for (let at = before - 1; at >= 0; at--) if (bindings[at]?.queue === queue) bindings.splice(at, 1)
      if (spec.autoDelete && bindings.length === 0 && before > 0) this.#exchanges.delete(name)
    }
  }

  /** Names of the queues that a message goes to, if they are there. */
  route({ exchange, routingKey }: Destination): string[] {
    if (exchange === '') return [routingKey]
    const { spec, bindings } = this.#there(exchange, true)
    const bound = bindings.filter((one) => spec.type === 'fanout' || one.routingKey === routingKey)
    return [...new Set(bound.map((one) => one.queue))]
  }

  /** What does not survive the server. */
  crash(): void {
    for (const [name, { spec }] of this.#exchanges) if (spec.durable === false) this.#exchanges.delete(name)
  }

  #there(name: string, isByPublish: boolean): Exchange {
    const there = this.#exchanges.get(name)
    if (there) return there
    throw new ChannelFault(404, `NOT_FOUND - no exchange '${name}' in vhost '/'`, isByPublish)
  }
}
