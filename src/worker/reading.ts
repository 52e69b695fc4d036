import { ownName, queueOf, topologyOf } from '../app/queues.ts'
import type { Settings } from '../app/settings.ts'
import type { Clock } from '../base/clock.ts'
import type { Broker, Delivery, Topology } from '../broker/broker.ts'
import { deadLetter, type DeadReason } from '../broker/dead-letters.ts'
import type { Headers } from '../protocol/headers.ts'

/** What buries dead letters under the names that their queues have in the settings. */
export function burying(broker: Broker, reading: Reading, { deadLetterMax, deadLetterAgeMs }: Settings, clock: Clock) {
  const limits = { maxLength: deadLetterMax, ageMs: deadLetterAgeMs }
  return (delivery: Delivery, reason: DeadReason): Promise<boolean> =>
    deadLetter(broker, delivery, reason, clock, { ...limits, queue: reading.nameOf(delivery.queue) })
}

/** The queues that a worker reads: what they are called in the settings, and on the broker. */
export class Reading {
  readonly #settings: Settings
  readonly #clock: Clock
  /** Name in the settings by name on the broker. */
  readonly #names = new Map<string, string>()

  constructor(settings: Settings, clock: Clock, names: readonly string[]) {
    this.#settings = settings
    this.#clock = clock
    for (const name of names) this.add(name)
  }

  /** As the broker knows them. */
  get queues(): readonly string[] {
    return [...this.#names.keys()]
  }

  /** One more; returns what the broker calls it. @throws LovageError `QUEUE_UNKNOWN` */
  add(name: string): string {
    const own = ownName(queueOf(this.#settings, name, 'the worker'), () => this.#clock.uuid())
    this.#names.set(own, name)
    return own
  }

  /** What a queue of the broker is called in the settings. */
  nameOf(queue: string): string {
    return this.#names.get(queue) ?? queue
  }

  /** What must be there for a queue of the broker. */
  topologyOf(queue: string): Topology {
    return topologyOf(this.#settings, this.nameOf(queue), queue)
  }

  /** What the broker is told of who reads, by its names of the queues. */
  get arguments(): Readonly<Record<string, Headers>> {
    const found: Record<string, Headers> = {}
    for (const [queue, name] of this.#names) {
      const { consumerArguments } = queueOf(this.#settings, name, 'the worker')
      if (consumerArguments) found[queue] = consumerArguments
    }
    return found
  }
}
