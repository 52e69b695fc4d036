import type { Clock } from '../../../base/clock.ts'
import { deadline } from '../../../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import type { HeaderValue, Headers } from '../../../protocol/headers.ts'
import type { Message } from '../../../protocol/message.ts'
import type {
  Broker,
  BrokerAdmin,
  BrokerDelays,
  BrokerState,
  ConsumeOptions,
  Consumer,
  Destination,
  PublishOptions,
  QueueDepth,
  Topology,
  Visit,
} from '../../broker.ts'
import { checkMessage, checkNames, checkQueue, delayedMessage } from '../../check-message.ts'
import { Declared } from '../../declared.ts'
import { checkHeaders } from '../../check-headers.ts'
import { ByteReader } from '../wire/byte-reader.ts'
import { ASK, SAY } from '../wire/frames.ts'
import { writeTable } from '../wire/value-codec.ts'
import { EngineClient, type EngineClientOptions } from './engine-client.ts'
import type { Line } from './line.ts'
import { Sender } from './sender.ts'
import { servedDelays } from './served-delays.ts'
import { type ConsumerHost, ServedConsumer, ServedDelivery } from './served-consumer.ts'

/** How a {@link DurableBroker} is made; the defaults are those of `openBroker`. */
export interface DurableBrokerOptions extends EngineClientOptions {
  readonly publishTimeoutMs: number
  readonly maxMessageBytes: number
}

/** A broker on the engine of a data directory, in this process or another. What is confirmed outlives all of them. */
export class DurableBroker implements Broker {
  readonly kind = 'embedded'
  readonly admin: BrokerAdmin
  readonly delays: BrokerDelays
  #options: DurableBrokerOptions
  #clock: Clock
  readonly #client: EngineClient
  #sender: Sender
  #declared = new Declared()
  #consumers = new Map<number, ServedConsumer>()
  #lastConsumer = 0

  constructor(options: DurableBrokerOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#sender = new Sender(options.clock, () => this.#client.unreachable())
    this.#client = new EngineClient(options)
    this.#client.join({
      onUp: (line) => this.#onUp(line),
      onDown: () => this.#sender.detach(),
      onSay: (kind, frame, line) => this.#onSay(kind, frame, line),
      onRoom: () => this.#sender.flush(),
      onStopping: () => this.#untilIdle(),
    })
    this.delays = servedDelays({
      client: this.#client,
      publish: async (message, to, atMs, options) => this.#send(delayedMessage(message, atMs), to, options, atMs),
    })
    this.admin = {
      depth: (queue) => this.#depth(queue),
      purge: async (queue) => Number(await this.#client.ask(ASK.purge, (writer) => writer.text(queue))),
      visit: (queue, limit, visit) => this.#visit(queue, limit, visit),
      deleteQueue: async (queue) => {
        this.#declared.forgetQueue(queue)
        await this.#client.ask(ASK.deleteQueue, (writer) => writer.text(queue))
      },
    }
  }

  #send(message: Message, to: Destination, options?: PublishOptions, atMs?: number): Promise<void> {
    const { maxMessageBytes, publishTimeoutMs } = this.#options
    this.#client.assertOpen()
    checkMessage(message, to, options?.isPassedOn ? Infinity : maxMessageBytes)
    checkHeaders(message.headers)
    const { mandatory = true, timeoutMs = publishTimeoutMs } = options ?? {}
    return this.#sender.publish(message, to, mandatory, timeoutMs, atMs)
  }

  /** Its connection, on which results can travel too. */
  get client(): EngineClient {
    return this.#client
  }

  get state(): BrokerState {
    return this.#client.state
  }

  async start(): Promise<void> {
    try {
      await this.#client.start()
    } catch (error) {
      this.#sender.end(error as Error)
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#client.stop()
    if (this.#client.state !== 'stopped') return
    this.#sender.end(new LovageError('BROKER_CLOSED'))
    this.#sender.detach()
    this.#consumers.clear()
    this.#declared = new Declared()
  }

  async declare(topology: Topology): Promise<void> {
    this.#client.assertOpen()
    checkNames(topology)
    for (const spec of topology.queues ?? []) checkQueue(spec)
    await this.#client.ask(ASK.declare, (writer) => writeTable(writer, tableOf(topology)))
    this.#declared.add(topology)
  }

  publish(message: Message, to: Destination, options?: PublishOptions): Promise<void> {
    try {
      return this.#send(message, to, options)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    this.#client.assertOpen()
    const consumer = new ServedConsumer(this.#host(), ++this.#lastConsumer, options)
    this.#consumers.set(consumer.number, consumer)
    try {
      await consumer.begin()
    } catch (error) {
      void consumer.cancel()
      throw error
    }
    return consumer
  }

  async probe(timeoutMs: number): Promise<void> {
    this.#client.assertOpen()
    await deadline(this.#clock, this.#client.ask(ASK.probe), timeoutMs, () => {
      return this.state === 'connected' ? new LovageError('PUBLISH_TIMEOUT', { timeoutMs }) : this.#client.unreachable()
    })
  }

  onState(listener: (state: BrokerState) => void): () => void {
    return this.#client.onState(listener)
  }

  async #onUp(line: Line): Promise<void> {
    await this.#declareAgain(line, this.#declared.all())
    for (const consumer of this.#consumers.values()) await consumer.beginAgain(line)
    this.#sender.attach(line)
  }

  #onSay(kind: number, frame: ByteReader, line: Line): boolean {
    if (kind === SAY.deliver) this.#consumers.get(frame.u32())?.take(line, frame)
    else if (kind === SAY.queueLost) this.#onQueueLost(frame.text(), line)
    else return false
    return true
  }

  #onQueueLost(queue: string, line: Line): void {
    log('warn', 'broker', 'a queue that is consumed was deleted', { queue })
    const topology = this.#declared.around(queue)
    if (!topology) return
    this.#declareAgain(line, topology).catch((error: unknown) => {
      log('warn', 'broker', 'queue could not be declared again', { queue, error: messageOf(error) })
    })
  }

  /** One by one where not all can be there as they were: what somebody else has changed meanwhile must not stop the rest. */
  async #declareAgain(line: Line, topology: Topology): Promise<void> {
    const declare = async (part: Topology): Promise<void> => {
      await this.#client.askOn(line, ASK.declare, (writer) => writeTable(writer, tableOf(part)))
    }
    const { exchanges = [], queues = [], bindings = [] } = topology
    if (exchanges.length + queues.length + bindings.length === 0) return
    try {
      return await declare(topology)
    } catch (error) {
      if (!isTopologyError(error)) throw error
    }
    const parts: Topology[] = [
      ...exchanges.map((exchange) => ({ exchanges: [exchange] })),
      ...queues.map((queue) => ({ queues: [queue] })),
      ...bindings.map((binding) => ({ bindings: [binding] })),
    ]
    for (const part of parts) {
      try {
        await declare(part)
      } catch (error) {
        // An exclusive queue may still be our own, of a connection whose end the owner has not seen yet.
        if (!isTopologyError(error) || part.queues?.[0]?.exclusive) throw error
        log('warn', 'broker', 'topology could not be declared again', { error: messageOf(error) })
      }
    }
  }

  async #depth(queue: string): Promise<QueueDepth | undefined> {
    const depth = await this.#client.ask(ASK.depth, (writer) => writer.text(queue))
    return (depth as unknown as QueueDepth | null) ?? undefined
  }

  async #visit(queue: string, limit: number, visit: Visit): Promise<number> {
    const taken: ServedDelivery[] = []
    try {
      while (taken.length < limit) {
        const delivery = await this.#get(queue)
        if (!delivery) break
        taken.push(delivery)
        if ((await visit(delivery)) === false) break
      }
    } finally {
      // Newest first, which is the cheap order.
      for (const delivery of taken.toReversed()) delivery.requeue()
      // When this is answered they are back in their places.
      if (taken.length > 0) await this.#client.ask(ASK.probe).catch(() => {})
    }
    return taken.length
  }

  async #get(queue: string): Promise<ServedDelivery | undefined> {
    for (;;) {
      let line: Line | undefined
      const value: HeaderValue | undefined = await this.#client.ask(ASK.get, (writer) => {
        line = this.#client.line
        writer.text(queue)
      })
      if (!(value instanceof Uint8Array)) return undefined
      const delivery = line && new ServedDelivery(line, new ByteReader(value as Buffer), false)
      if (delivery?.isOurs) return delivery
    }
  }

  async #untilIdle(): Promise<void> {
    // What was asked before the stop is still confirmed, where the owner takes it.
    const late = (): Error => new Error('late')
    await deadline(this.#clock, this.#sender.idle(), this.#options.publishTimeoutMs, late).catch(() => {})
  }

  #host(): ConsumerHost {
    return {
      clock: this.#clock,
      client: this.#client,
      forget: (consumer) => this.#consumers.delete(consumer.number),
    }
  }
}

function tableOf({ exchanges = [], queues = [], bindings = [] }: Topology): Headers {
  return { exchanges, queues, bindings } as unknown as Headers
}

function isTopologyError(error: unknown): boolean {
  return isLovageError(error, 'TOPOLOGY_MISMATCH') || isLovageError(error, 'TOPOLOGY_MISSING')
}
