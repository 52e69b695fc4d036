import { LovageError } from '../../base/errors.ts'
import type { BindingSpec, Destination, ExchangeSpec } from '../broker.ts'
import { unroutable } from '../publish-errors.ts'
import { exchangeMismatch } from '../queue-arguments.ts'
import { Exchange } from './exchange.ts'
import type { Ledger } from './ledger.ts'

/** The exchanges of one engine and what is bound to them. */
export class Switchboard {
  #exchanges = new Map<string, Exchange>()
  #ledger: Ledger | undefined

  constructor(ledger: Ledger | undefined) {
    this.#ledger = ledger
  }

  get isEmpty(): boolean {
    return this.#exchanges.size === 0
  }

  /** @throws LovageError `TOPOLOGY_MISMATCH` */
  declare(spec: ExchangeSpec): void {
    const there = this.#exchanges.get(spec.name)
    if (!there) {
      this.#exchanges.set(spec.name, new Exchange(spec))
      return this.#ledger?.exchangeDeclared(spec)
    }
    const problem = exchangeMismatch(there.spec, spec)
    if (problem) throw new LovageError('TOPOLOGY_MISMATCH', { entity: `exchange ${spec.name}`, problem })
  }

  /** @throws LovageError `TOPOLOGY_MISSING` */
  bind(binding: BindingSpec): void {
    const there = this.#exchanges.get(binding.exchange)
    if (!there) throw new LovageError('TOPOLOGY_MISSING', { entity: `exchange ${binding.exchange}` })
    if (there.bind(binding.queue, binding.routingKey)) this.#ledger?.bound(binding)
  }

  /** Forgets a queue, and the exchanges that were there for it alone. */
  forget(queue: string): void {
    for (const [name, exchange] of this.#exchanges) {
      if (!exchange.unbind(queue) || exchange.isBound || !exchange.spec.autoDelete) continue
      this.#exchanges.delete(name)
      this.#ledger?.exchangeDeleted(exchange.spec)
    }
  }

  /**
   * Names of the queues that take a message, each once.
   * @throws LovageError `UNROUTABLE`
   */
  route(to: Destination, mandatory: boolean): readonly string[] {
    const exchange = this.#exchanges.get(to.exchange)
    // As RabbitMQ: an exchange that is not there is an error even for a message that may be dropped.
    if (!exchange) throw unroutable(to)
    const names = exchange.route(to.routingKey)
    if (names.length === 0 && mandatory) throw unroutable(to)
    return names
  }
}
