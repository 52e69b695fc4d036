import type { Destination, ExchangeSpec } from '../../broker/broker.ts'
import { exchangeMismatch } from '../../broker/queue-arguments.ts'
import { ChannelFault } from './rabbit-channel.ts'

interface Binding {
  readonly kind: 'queue' | 'exchange'
  readonly to: string
  readonly routingKey: string
}

interface Exchange {
  readonly spec: ExchangeSpec
  readonly bindings: Binding[]
}

/** The exchanges of the model, and the nameless one. */
export class RabbitExchanges {
  readonly #exchanges = new Map<string, Exchange>()
  /** Ways that were found, until something is bound or gone. */
  readonly #routes = new Map<string, string[]>()

  /** @throws ChannelFault 406 when it is there with other properties */
  declare(spec: ExchangeSpec): void {
    const there = this.#exchanges.get(spec.name)
    const problem = there && exchangeMismatch(there.spec, spec)
    if (problem) throw new ChannelFault(406, `PRECONDITION_FAILED - exchange '${spec.name}': ${problem}`)
    if (!there) this.#exchanges.set(spec.name, { spec, bindings: [] })
  }

  /** @throws ChannelFault 404 when there is no such exchange */
  bind(queue: string, exchange: string, routingKey: string): void {
    this.#bind(exchange, { kind: 'queue', to: queue, routingKey })
  }

  /** @throws ChannelFault 404 when there is no such exchange */
  bindExchange(to: string, from: string, routingKey: string): void {
    this.#there(to, false)
    this.#bind(from, { kind: 'exchange', to, routingKey })
  }

  /** A queue is gone. */
  unbind(queue: string): void {
    this.#routes.clear()
    for (const [name, { spec, bindings }] of this.#exchanges) {
      const before = bindings.length
      for (let at = before - 1; at >= 0; at--) {
        if (bindings[at]?.kind === 'queue' && bindings[at]?.to === queue) bindings.splice(at, 1)
      }
      if (spec.autoDelete && bindings.length === 0 && before > 0) this.#exchanges.delete(name)
    }
  }

  /** Names of the queues that a message goes to, if they are there. */
  route({ exchange, routingKey }: Destination): string[] {
    if (exchange === '') return [routingKey]
    this.#there(exchange, true)
    const way = `${exchange} ${routingKey}`
    const known = this.#routes.get(way)
    if (known) return known
    const queues = new Set<string>()
    const seen = new Set([exchange])
    for (const name of seen) {
      const { spec, bindings = [] } = this.#exchanges.get(name) ?? {}
      for (const { kind, to, routingKey: bound } of bindings) {
        if (spec && matches(spec, bound, routingKey)) (kind === 'queue' ? queues : seen).add(to)
      }
    }
    const found = [...queues]
    this.#routes.set(way, found)
    return found
  }

  /** What does not survive the server. */
  crash(): void {
    this.#routes.clear()
    for (const [name, { spec }] of this.#exchanges) if (spec.durable === false) this.#exchanges.delete(name)
  }

  #bind(from: string, binding: Binding): void {
    const { bindings } = this.#there(from, false)
    const { kind, to, routingKey } = binding
    if (bindings.some((one) => one.kind === kind && one.to === to && one.routingKey === routingKey)) return
    bindings.push(binding)
    this.#routes.clear()
  }

  #there(name: string, isByPublish: boolean): Exchange {
    const there = this.#exchanges.get(name)
    if (there) return there
    throw new ChannelFault(404, `NOT_FOUND - no exchange '${name}' in vhost '/'`, isByPublish)
  }
}

function matches({ type }: ExchangeSpec, bound: string, routingKey: string): boolean {
  if (type === 'fanout' || bound === routingKey) return true
  return type === 'topic' && takes(bound.split('.'), routingKey.split('.'))
}

/** Whether a topic pattern (`*` is one word, `#` any number of words) takes the words of a key, from these on. */
function takes(pattern: readonly string[], words: readonly string[], at = 0, word = 0): boolean {
  const wanted = pattern[at]
  if (wanted === undefined) return word === words.length
  if (wanted === '#') {
    return takes(pattern, words, at + 1, word) || (word < words.length && takes(pattern, words, at, word + 1))
  }
  const fits = word < words.length && (wanted === '*' || wanted === words[word])
  return fits && takes(pattern, words, at + 1, word + 1)
}
