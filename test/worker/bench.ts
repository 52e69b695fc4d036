import { randomUUID } from 'node:crypto'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import type { Broker, ConsumeOptions, Delivery } from '../../src/broker/broker.ts'
import { type DeadLetter, listDead } from '../../src/broker/dead-letters.ts'
import { type App, type GivenSettings, lovage, type Outcome } from '../../src/index.ts'
import { readFailure } from '../../src/protocol/failure.ts'
import type { Message } from '../../src/protocol/message.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { encodeBody, encodeTask, newRequest, type TaskRequest } from '../../src/protocol/task-message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { type Worker, worker, type WorkerOptions } from '../../src/worker/worker.ts'

/** One thing that happened between worker, broker and backend. */
export type Happening = `${'ack' | 'requeue' | 'reject' | 'put' | 'stale'} ${string}`

/** What a bench is made with. */
export interface BenchOptions extends GivenSettings {
  /** Time stands still until the test lets it pass. */
  readonly clock?: VirtualClock
  /** The broker keeps tasks until their time; else the worker must hold them. Default false. */
  readonly hasDelays?: boolean
}

/**
 * An application on a broker of its own, a worker or several, and what tests need around them: what was acknowledged and
 * stored, in which order, what was logged, what lies in the dead letters. All is stopped at the end of the test.
 */
export class Bench implements AsyncDisposable {
  readonly app: App
  readonly clock: VirtualClock | undefined
  readonly records: LogRecord[] = []
  /** Acks, requeues and puts of all workers, in order. */
  readonly happened: Happening[] = []
  /** Each prefetch that was asked for. */
  readonly prefetches: number[] = []
  /** Deliveries are no longer the worker's: acks and requeues return false, as after a lost connection. */
  isCut = false
  /** Awaited before each result is stored; may throw. */
  beforePut: (outcome: Outcome) => Promise<void> | void = () => {}
  readonly #hasDelays: boolean
  readonly #workers: Worker[] = []
  readonly #stopListening = onLog((record) => void this.records.push(record))
  readonly #inner = new WeakMap<Delivery, Delivery>()
  #deliver: ((delivery: Delivery) => void) | undefined

  constructor({ clock, hasDelays = false, ...settings }: BenchOptions = {}) {
    this.clock = clock
    this.#hasDelays = hasDelays
    const given = { broker: `memory://${randomUUID()}`, ...settings }
    this.app = lovage('bench', given, { env: {}, ...(clock && { clock }) })
  }

  /** A started worker. */
  async worker(options: WorkerOptions = {}): Promise<Worker> {
    const made = worker(
      this.app,
      { gracePeriod: 0, remoteControl: false, ...options },
      this.clock && { clock: this.clock },
    )
    this.#workers.push(made)
    await this.#watch()
    await made.start()
    return made
  }

  /** Publishes a request as it is, past everything that `app` would refuse. */
  async publish(
    fields: Partial<TaskRequest> & { task: string },
    args: readonly unknown[] = [],
    queue?: string,
  ): Promise<TaskRequest> {
    const request = newRequest({ id: randomUUID(), body: encodeBody(args, {}), ...fields })
    await this.send(encodeTask(request), queue)
    return request
  }

  async send(message: Message, queue = 'celery'): Promise<void> {
    const { broker } = await this.app.client()
    await broker.declare({ queues: [{ name: queue }] })
    await broker.publish(message, { exchange: '', routingKey: queue })
  }

  /** Hands a message to the worker once more, as the broker does after it lost us. */
  redeliver(message: Message, queue = 'celery'): void {
    const ended = (how: 'ack' | 'requeue' | 'reject') => (): boolean => this.#note(how, message)
    const [ack, requeue, reject] = [ended('ack'), ended('requeue'), ended('reject')]
    this.#deliver?.({
      message,
      queue,
      exchange: '',
      routingKey: queue,
      redelivered: true,
      isOurs: true,
      ack,
      requeue,
      reject,
    })
  }

  /** Messages that wait in a queue. */
  async depth(queue = 'celery'): Promise<number> {
    const { broker } = await this.app.client()
    return (await broker.admin?.depth(queue))?.messages ?? 0
  }

  /** The dead letters of a queue. */
  async dead(queue = 'celery'): Promise<DeadLetter[]> {
    const { broker } = await this.app.client()
    return listDead(broker, queue, 100_000)
  }

  /** How a task ended, and the exception it ended with. */
  async ending(id: string): Promise<{ state: string; excType: string | undefined; args: readonly unknown[] }> {
    const { backend } = await this.app.client()
    const outcome = await backend.get(id)
    const { exc_type: excType, exc_message: args } = readFailure(outcome && payloadValue(outcome.result))
    return { state: outcome?.state ?? 'PENDING', excType, args }
  }

  logged(message: string): Readonly<Record<string, unknown>>[] {
    return this.records.filter((record) => record.message === message).map(({ fields }) => fields)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening()
    const stopping = Promise.all(this.#workers.map((made) => made.stop()))
    await this.clock?.play(60_000)
    await stopping
    await this.app.close()
  }

  async #watch(): Promise<void> {
    const { broker, backend } = await this.app.client()
    if (this.#deliver) return
    if (!this.#hasDelays) Object.defineProperty(broker, 'delays', { value: undefined })
    this.#deliver = () => {}
    const put = backend.put.bind(backend)
    backend.put = async (outcome, to) => {
      await this.beforePut(outcome)
      this.happened.push(`put ${outcome.state}`)
      await put(outcome, to)
    }
    const consume = broker.consume.bind(broker) as Broker['consume']
    const keep = broker.delays?.keep
    // The broker knows its own deliveries, and not ours in front of them.
    if (broker.delays && keep) {
      broker.delays.keep = (delivery, atMs) => keep(this.#inner.get(delivery) ?? delivery, atMs)
    }
    broker.consume = async (options: ConsumeOptions) => {
      const onDelivery = (delivery: Delivery): void => options.onDelivery(this.#noting(delivery))
      if (!options.queues.some((queue) => queue.startsWith('lovage.lease.'))) this.#deliver = options.onDelivery
      this.prefetches.push(options.prefetch)
      const consumer = await consume({ ...options, onDelivery })
      const setPrefetch = consumer.setPrefetch.bind(consumer)
      consumer.setPrefetch = (prefetch) => {
        this.prefetches.push(prefetch)
        setPrefetch(prefetch)
      }
      return consumer
    }
  }

  #noting(delivery: Delivery): Delivery {
    const { message, queue, exchange, routingKey, redelivered } = delivery
    const ended = (how: 'ack' | 'requeue' | 'reject') => (): boolean => this.#note(how, message) && delivery[how]()
    const [ack, requeue, reject] = [ended('ack'), ended('requeue'), ended('reject')]
    const isOurs = (): boolean => !this.isCut && delivery.isOurs
    const noting = {
      ...{ message, queue, exchange, routingKey, redelivered, ack, requeue, reject },
      get isOurs() {
        return isOurs()
      },
    }
    this.#inner.set(noting, delivery)
    return noting
  }

  #note(how: 'ack' | 'requeue' | 'reject', { headers }: Message): boolean {
    this.happened.push(this.isCut ? `stale ${String(headers.task)}` : `${how} ${String(headers.task)}`)
    return !this.isCut
  }
}

/** A promise and its end. */
export class Gate<T = void> {
  open!: (value: T) => void
  readonly passed: Promise<T> = new Promise((resolve) => {
    this.open = resolve
  })
}

/** Tasks that begin and wait until they are let go, one by one or all. */
export function waiting(bench: Bench, name = 'wait'): { begun: string[]; release: (count?: number) => void } {
  const begun: string[] = []
  const gates: Gate[] = []
  bench.app.task(name, async (label: string) => {
    const gate = new Gate()
    begun.push(label)
    gates.push(gate)
    await gate.passed
    return label
  })
  return { begun, release: (count = gates.length) => gates.splice(0, count).forEach((gate) => gate.open()) }
}
