import type { Clock, Timer } from '../../base/clock.ts'
import { LovageError } from '../../base/errors.ts'
import type { ConsumeOptions, Consumer, Topology } from '../broker.ts'
import { type ChannelNames, Channels } from './channels.ts'
import type { Hands } from './hands.ts'
import { QUEUES } from './queue-scripts.ts'
import { RedisConsumer } from './redis-consumer.ts'
import type { RedisLink } from './redis-link.ts'

/** A bell that is lost must not silence a queue for ever. */
const LOOK_MS = 5000

/** The same where the server has no bell. */
const POLL_MS = 1000

export interface ReadersHost {
  readonly clock: Clock
  readonly hands: Hands
  readonly names: ChannelNames
  /** The connection that is up now. */
  readonly link: () => RedisLink | undefined
  /** Runs work on the connection, within the time limit. */
  readonly ask: <T>(work: (link: RedisLink) => Promise<T>) => Promise<T>
  /** Declares a queue that is gone again, if it was declared here. */
  readonly declareAgain: (queue: string) => Promise<boolean>
  readonly onUseless: (link: RedisLink, problem: string) => void
}

/** The consumers of one broker. */
export class Readers {
  #host: ReadersHost
  #channels: Channels
  #all = new Set<RedisConsumer>()
  #last = 0
  #look: Timer | undefined

  constructor(host: ReadersHost) {
    this.#host = host
    this.#channels = new Channels(host.names)
  }

  get all(): readonly RedisConsumer[] {
    return [...this.#all]
  }

  /** @throws LovageError `TOPOLOGY_MISSING`, `TOPOLOGY_MISMATCH` (another connection's exclusive queue) */
  async open(options: ConsumeOptions): Promise<Consumer> {
    const { clock, hands, declareAgain, onUseless, link, ask } = this.#host
    const host = {
      clock,
      hands,
      declareAgain,
      onUseless,
      attach: (one: RedisConsumer, to: RedisLink) => this.#attach(one, to),
      forget: (one: RedisConsumer) => {
        this.#all.delete(one)
        this.#channels.forget(one, link())
      },
    }
    const consumer = new RedisConsumer(host, options, `${hands.session}:${++this.#last}`)
    await ask((to) => this.#attach(consumer, to))
    this.#all.add(consumer)
    const now = link()
    if (now) consumer.attach(now)
    // One turn later, so that whoever consumes holds the consumer before the first delivery.
    clock.turn(() => consumer.release())
    return consumer
  }

  /** All read over a new connection. */
  async attach(link: RedisLink): Promise<void> {
    for (const consumer of this.#all) {
      await this.#attach(consumer, link).catch((error: unknown) => {
        // Its queue is gone: should it come again, it is read all the same.
        if (!(error instanceof LovageError)) throw error
      })
      consumer.attach(link)
    }
    this.#armLook(link)
  }

  detach(): void {
    this.#look?.cancel()
    for (const consumer of this.#all) consumer.detach()
  }

  /** There may be something to take, under this key where it is told. */
  ring(key?: string): void {
    let isHeard = false
    for (const consumer of this.#all) {
      if (key === undefined || !consumer.keys.includes(key)) continue
      isHeard = true
      consumer.ring()
    }
    // Whom it was for is not known.
    if (!isHeard) for (const consumer of this.#all) consumer.ring()
  }

  onHeard(pattern: string, text: string): void {
    this.#channels.onHeard(pattern, text)
  }

  /** A binding that was declared while its queue is read feeds it from now on. */
  async feedAgain({ bindings = [] }: Topology): Promise<void> {
    const queues = new Set(bindings.map(({ queue }) => queue))
    for (const consumer of this.#all) {
      if (!consumer.queues.some((queue) => queues.has(queue))) continue
      await this.#host.ask((link) => this.#attach(consumer, link))
    }
  }

  /** Tells the server who reads, and hears what feeds its queues. */
  async #attach(consumer: RedisConsumer, link: RedisLink): Promise<void> {
    const { session, leaseMs } = this.#host.hands
    const asked = [consumer.name, session, leaseMs, ...consumer.queues]
    const [problem, ...about] = (await link.run(QUEUES.attach, asked)) as string[]
    const entity = `queue ${about[0]}`
    if (problem === 'MISSING') throw new LovageError('TOPOLOGY_MISSING', { entity })
    if (problem === 'EXCLUSIVE') {
      throw new LovageError('TOPOLOGY_MISMATCH', { entity, problem: 'it is exclusive to another connection' })
    }
    await this.#channels.feed(consumer, about, link)
  }

  #armLook(link: RedisLink): void {
    this.#look?.cancel()
    const look = (): void => {
      this.ring()
      this.#armLook(link)
    }
    this.#look = this.#host.clock.after(link.rings ? LOOK_MS : POLL_MS, look, { unref: true })
  }
}
