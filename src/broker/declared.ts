import type { BindingSpec, ExchangeSpec, QueueSpec, Topology } from './broker.ts'

/** A client that names queues after requests would otherwise grow this for ever; those forgotten first are oldest. */
const MOST_REMEMBERED = 10_000

/** What one broker was asked to declare, so that it can be declared again after a loss. */
export class Declared {
  #exchanges = new Map<string, ExchangeSpec>()
  #queues = new Map<string, QueueSpec>()
  #bindings = new Map<string, BindingSpec>()

  add({ exchanges = [], queues = [], bindings = [] }: Topology): void {
    for (const spec of exchanges) remember(this.#exchanges, spec.name, spec)
    for (const spec of queues) if (!spec.isPassing) remember(this.#queues, spec.name, spec)
    for (const spec of bindings) remember(this.#bindings, keyOf(spec), spec)
  }

  forgetQueue(name: string): void {
    this.#queues.delete(name)
    const exchanges = new Set<string>()
    for (const [key, binding] of this.#bindings) {
      if (binding.queue !== name) continue
      this.#bindings.delete(key)
      exchanges.add(binding.exchange)
    }
    // One that goes with its last binding would come again for ever.
    for (const { exchange } of this.#bindings.values()) exchanges.delete(exchange)
    for (const exchange of exchanges) if (this.#exchanges.get(exchange)?.autoDelete) this.#exchanges.delete(exchange)
  }

  queue(name: string): QueueSpec | undefined {
    return this.#queues.get(name)
  }

  /** Everything, in the order in which it can be declared. */
  all(): Topology {
    return {
      exchanges: [...this.#exchanges.values()],
      queues: [...this.#queues.values()],
      bindings: [...this.#bindings.values()],
    }
  }

  /** One queue with its bindings and their exchanges; undefined when it was not declared here. */
  around(queue: string): Topology | undefined {
    const spec = this.#queues.get(queue)
    if (!spec) return undefined
    const bindings = [...this.#bindings.values()].filter((binding) => binding.queue === queue)
    const exchanges = new Set(bindings.map((binding) => this.#exchanges.get(binding.exchange)))
    return { exchanges: [...exchanges].filter((exchange) => exchange !== undefined), queues: [spec], bindings }
  }
}

function keyOf({ exchange, queue, routingKey }: BindingSpec): string {
  return JSON.stringify([exchange, queue, routingKey])
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MOST_REMEMBERED) map.delete(map.keys().next().value as string)
}
