import {
  type AskedBinding,
  askedQueue,
  ownName,
  type Queue,
  queueOf,
  type QueueSettings,
  topologyOf,
} from '../app/queues.ts'
import type { Settings } from '../app/settings.ts'
import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import type { Broker, Delivery, Topology } from '../broker/broker.ts'
import { deadLetter, type DeadReason } from '../broker/dead-letters.ts'
import type { Headers } from '../protocol/headers.ts'

/** What buries dead letters under the names that their queues have in the settings. */
export function burying(broker: Broker, reading: Reading, { deadLetterMax, deadLetterAgeMs }: Settings, clock: Clock) {
  const limits = { maxLength: deadLetterMax, ageMs: deadLetterAgeMs }
  return (delivery: Delivery, reason: DeadReason): Promise<boolean> =>
    deadLetter(broker, delivery, reason, clock, { ...limits, queue: reading.nameOf(delivery.queue) })
}

/** Most queues that one worker reads: whoever can reach the broker can name more. */
const MAX_QUEUES = 1_000

/** A name of AMQP has 255 bytes, and `<queue>.dead` must be one. */
const MAX_BYTES = 250

/** The queues that a worker reads: what they are called in the settings, and on the broker. */
export class Reading {
  /** With the queues that the worker was told to read. */
  #settings: QueueSettings
  readonly #clock: Clock
  /** Name in the settings by name on the broker. */
  readonly #names = new Map<string, string>()
  /** Queues that were read, and are no more because somebody said so; the first first. */
  readonly #stopped = new Set<string>()
  /** Queues that are in the settings because they were asked for, the first first. */
  readonly #asked = new Set<string>()

  constructor(settings: QueueSettings, clock: Clock, names: readonly string[]) {
    this.#settings = settings
    this.#clock = clock
    for (const name of names) this.add(name)
  }

  /** As the broker knows them. */
  get queues(): readonly string[] {
    return [...this.#names.keys()]
  }

  /**
   * One more that is asked for at run time; returns what the broker calls it.
   * @throws LovageError `OPTION_INVALID`
   */
  ask(name: string, binding: AskedBinding): string {
    for (const text of [name, binding.exchange ?? name, binding.routingKey ?? name]) checkName(text)
    const there = this.ownOf(name)
    if (there !== undefined) return there
    if (this.#names.size >= MAX_QUEUES) throw invalid('is one too many', `Read at most ${MAX_QUEUES}`)
    const { defaultQueue } = this.#settings
    const queues = new Map<string, Queue>(this.#settings.queues)
    // Where none is named there is the default queue, and it stays what it is.
    if (queues.size === 0) queues.set(defaultQueue, queueOf(this.#settings, defaultQueue, 'the worker'))
    if (!queues.has(name)) this.#asked.add(name)
    queues.set(name, askedQueue({ ...this.#settings, queues }, name, binding))
    this.#forget(queues)
    this.#settings = { ...this.#settings, queues }
    return this.add(name)
  }

  /** What is read no more is remembered, for its tasks in hand and for the next time, but not without end. */
  #forget(queues: Map<string, Queue>): void {
    const read = new Set(this.#names.values())
    for (const name of this.#asked) {
      if (this.#asked.size <= MAX_QUEUES) return
      if (read.has(name)) continue
      this.#asked.delete(name)
      queues.delete(name)
    }
  }

  /** Queues that were read, and are no more because somebody said so. */
  get stopped(): readonly string[] {
    return [...this.#stopped]
  }

  /** Queues that are known beside those that are read. */
  get known(): number {
    return this.#settings.queues.size
  }

  /** It is read no more; `isTold`: somebody said so. Gives the way back, should it have to be read on. */
  remove(own: string, { isTold = false }: { readonly isTold?: boolean } = {}): () => void {
    const name = this.#names.get(own)
    this.#names.delete(own)
    if (isTold) this.#stopped.add(own)
    if (this.#stopped.size > MAX_QUEUES) this.#stopped.delete([...this.#stopped][0] as string)
    return () => {
      this.#stopped.delete(own)
      if (name !== undefined) this.#names.set(own, name)
    }
  }

  /** What the broker calls a queue that is read; undefined: it is not read. */
  ownOf(name: string): string | undefined {
    for (const [own, called] of this.#names) if (called === name) return own
    return undefined
  }

  /** Names of the queues in the settings. */
  get names(): readonly string[] {
    return [...this.#names.values()]
  }

  /** One more; returns what the broker calls it. @throws LovageError `QUEUE_UNKNOWN` */
  add(name: string): string {
    const own = ownName(queueOf(this.#settings, name, 'the worker'), () => this.#clock.uuid())
    this.#names.set(own, name)
    this.#stopped.delete(own)
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

function checkName(name: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes === 0) throw invalid('is empty', 'Name a queue')
  if (bytes > MAX_BYTES) throw invalid(`has a name of ${bytes} bytes`, `Use at most ${MAX_BYTES} bytes`)
}

function invalid(problem: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option: 'queue', where: 'the worker', problem, fix })
}
