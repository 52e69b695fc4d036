import { type Clock, deadline } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { Message } from '../../protocol/message.ts'
import type {
  Broker,
  BrokerAdmin,
  BrokerDelays,
  BrokerState,
  ConsumeOptions,
  Consumer,
  Destination,
  PublishOptions,
  Topology,
  Visit,
} from '../broker.ts'
import { checkMessage, checkNames, delayedMessage } from '../check-message.ts'
import { Declared } from '../declared.ts'
import { checkHeaders } from '../check-headers.ts'
import { tell } from '../tell.ts'
import type { Engine } from './engine.ts'
import type { Session } from './session.ts'
import { EngineDelivery, Subscription } from './subscription.ts'

/** How an {@link EmbeddedBroker} is made. */
export interface EmbeddedOptions {
  readonly clock: Clock
  /** The engine it attaches to when it starts. */
  readonly engine: () => Engine
  /** Largest body that it takes, in bytes. */
  readonly maxMessageBytes: number
}

/** A broker on an engine of this process. What waits in it lives as long as the process. */
export class EmbeddedBroker implements Broker {
  readonly kind = 'memory'
  readonly admin: BrokerAdmin
  readonly delays: BrokerDelays
  #clock: Clock
  #openEngine: () => Engine
  #maxMessageBytes: number
  #declared = new Declared()
  #listeners = new Set<(state: BrokerState) => void>()
  #state: BrokerState = 'stopped'
  #attached: { engine: Engine; session: Session } | undefined

  constructor({ clock, engine, maxMessageBytes }: EmbeddedOptions) {
    this.#clock = clock
    this.#openEngine = engine
    this.#maxMessageBytes = maxMessageBytes
    this.delays = {
      publish: async (message, to, atMs, options) => {
        this.#send(delayedMessage(message, atMs), to, options, atMs)
        return 'kept'
      },
      keep: async (delivery, untilMs) => {
        const { session } = this.#here()
        return delivery instanceof EngineDelivery && Number.isFinite(untilMs) && session.settle(delivery, { untilMs })
      },
      // The engine does it itself.
      move: async () => async () => {},
      purge: async (queue) => this.#here().engine.delayed.purge(queue),
      list: async (queue, limit) => this.#here().engine.delayed.list(queue, limit),
    }
    this.admin = {
      depth: async (queue) => this.#here().engine.depth(queue),
      purge: async (queue) => this.#here().engine.purge(queue, this.#here().session),
      visit: (queue, limit, visit) => this.#visit(queue, limit, visit),
      deleteQueue: async (queue) => {
        this.#declared.forgetQueue(queue)
        this.#here().engine.deleteQueue(queue)
      },
    }
  }

  get state(): BrokerState {
    return this.#state
  }

  async start(): Promise<void> {
    if (this.#attached) return
    const engine = this.#openEngine()
    this.#attached = { engine, session: engine.attach((queue) => this.#onQueueLost(queue)) }
    this.#enter('connected')
  }

  async stop(): Promise<void> {
    const attached = this.#attached
    if (!attached) return
    this.#attached = undefined
    attached.session.end()
    this.#declared = new Declared()
    this.#enter('stopped')
  }

  async declare(topology: Topology): Promise<void> {
    const { engine, session } = this.#here()
    checkNames(topology)
    engine.declare(topology, session)
    this.#declared.add(topology)
  }

  async publish(message: Message, to: Destination, options?: PublishOptions): Promise<void> {
    this.#send(message, to, options)
  }

  async consume({ queues, prefetch, noAck = false, onDelivery }: ConsumeOptions): Promise<Consumer> {
    const { engine, session } = this.#here()
    const subscription = new Subscription(session, { queueNames: [...new Set(queues)], prefetch, noAck, onDelivery })
    engine.subscribe(subscription)
    return {
      setPrefetch(count) {
        subscription.prefetch = count
        engine.feed(subscription)
      },
      cancel: async () => session.cancel(subscription),
    }
  }

  async probe(timeoutMs: number): Promise<void> {
    this.#here()
    const turn = new Promise<void>((resolve) => this.#clock.turn(resolve))
    return deadline(this.#clock, turn, timeoutMs, () => new LovageError('PUBLISH_TIMEOUT', { timeoutMs }))
  }

  onState(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #send(message: Message, to: Destination, options?: PublishOptions, atMs?: number): void {
    const { engine } = this.#here()
    checkMessage(message, to, options?.isPassedOn ? Infinity : this.#maxMessageBytes)
    checkHeaders(message.headers)
    engine.publish(message, to, options?.mandatory ?? true, atMs)
  }

  async #visit(queue: string, limit: number, visit: Visit): Promise<number> {
    const { engine, session } = this.#here()
    const taken: EngineDelivery[] = []
    try {
      while (taken.length < limit) {
        const delivery = engine.get(queue, session)
        if (!delivery) break
        taken.push(delivery)
        if ((await visit(delivery)) === false) break
      }
    } finally {
      // Newest first, which is the cheap order.
      for (const delivery of taken.toReversed()) delivery.requeue()
    }
    return taken.length
  }

  #onQueueLost(queue: string): void {
    this.#clock.turn(() => {
      const topology = this.#declared.around(queue)
      if (!this.#attached || !topology) return
      const { engine, session } = this.#attached
      try {
        engine.declare(topology, session)
      } catch (error) {
        log('warn', 'broker', 'queue could not be declared again', { queue, error: messageOf(error) })
      }
    })
  }

  #here(): { engine: Engine; session: Session } {
    if (!this.#attached) throw new LovageError('BROKER_CLOSED')
    return this.#attached
  }

  #enter(state: BrokerState): void {
    this.#state = state
    for (const listener of this.#listeners) tell(listener, state)
  }
}
