import { queueTopology } from '../app/routes.ts'
import type { Settings } from '../app/settings.ts'
import { LovageError } from '../base/errors.ts'
import type { ExchangeSpec, Topology } from '../broker/broker.ts'

/** Most queues that one worker reads: whoever can reach the broker can name more. */
const MAX_QUEUES = 1_000

/** A name of AMQP has 255 bytes, and `<queue>.dead` must be one. */
const MAX_BYTES = 250

/** How a queue that a worker is told to read is bound. */
export interface QueueBinding {
  /** Default: an exchange of the name of the queue. */
  readonly exchange?: string | undefined
  /** Default `'direct'`. */
  readonly exchangeType?: ExchangeSpec['type'] | undefined
  /** Default: the name of the queue. */
  readonly routingKey?: string | undefined
}

/** Which queues a worker reads: those of its options, and what it was told since. */
export class Queues {
  readonly #settings: Settings
  readonly #told = new Map<string, Topology>()
  #names: readonly string[]

  constructor(names: readonly string[], settings: Settings) {
    this.#names = names
    this.#settings = settings
  }

  get names(): readonly string[] {
    return this.#names
  }

  /** What must be there for a queue. */
  topologyOf(name: string): Topology {
    return this.#told.get(name) ?? queueTopology(name, this.#settings)
  }

  /**
   * What would be read with one more queue, and how that is declared.
   * @throws LovageError `OPTION_INVALID`
   */
  with(name: string, binding: QueueBinding): { readonly names: readonly string[]; readonly topology: Topology } {
    const { exchange, exchangeType: type = 'direct', routingKey } = binding
    for (const text of [name, exchange ?? name, routingKey ?? name]) checkName(text)
    const names = this.#names.includes(name) ? this.#names : [...this.#names, name]
    if (names.length > MAX_QUEUES) throw invalid(`would be the ${MAX_QUEUES + 1}st`, `Read at most ${MAX_QUEUES}`)
    const isPlain = (exchange ?? name) === name && type === 'direct' && (routingKey ?? name) === name
    const topology = queueTopology(name, this.#settings)
    if (isPlain) return { names, topology: this.#told.get(name) ?? topology }
    const to = exchange ?? name
    const bound = {
      ...topology,
      exchanges: [{ name: to, type, durable: true }],
      bindings: [{ exchange: to, queue: name, routingKey: routingKey ?? name }],
    }
    return { names, topology: bound }
  }

  /** It is read from now on. */
  set(names: readonly string[], topology?: { readonly name: string; readonly is: Topology }): void {
    this.#names = names
    if (topology) this.#told.set(topology.name, topology.is)
    for (const name of this.#told.keys()) if (!names.includes(name)) this.#told.delete(name)
  }
}

function checkName(name: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes === 0) throw invalid('is empty', 'Name a queue')
  if (bytes > MAX_BYTES) throw invalid(`has a name of ${bytes} bytes`, `Use at most ${MAX_BYTES} bytes`)
}

function invalid(problem: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option: 'queue', where: 'the worker', problem, fix })
}
