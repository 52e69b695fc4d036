import { randomUUID } from 'node:crypto'
import { lovage, type App, type GivenSettings } from '../../src/index.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import type { Delivery } from '../../src/broker/broker.ts'
import { deadQueueOf } from '../../src/worker/bury.ts'
import type { Message } from '../../src/protocol/message.ts'
import { encodeBody, encodeTask, newRequest, type TaskRequest } from '../../src/protocol/task-message.ts'
import { type Worker, worker, type WorkerOptions } from '../../src/worker/worker.ts'

/** An application on a broker of its own, with what tests of a worker need around it. Stopped at the end of the test. */
export class Bench implements AsyncDisposable {
  readonly app: App
  readonly #workers: Worker[] = []
  readonly records: LogRecord[] = []
  readonly #stopListening = onLog((record) => void this.records.push(record))

  constructor(settings: GivenSettings = {}) {
    this.app = lovage('bench', { broker: `memory://${randomUUID()}`, ...settings }, { env: {} })
  }

  /** A started worker. */
  async worker(options: WorkerOptions = {}): Promise<Worker> {
    const made = worker(this.app, { gracePeriod: 0, ...options })
    this.#workers.push(made)
    await made.start()
    return made
  }

  /** Publishes a request as it is, past everything that `app` would refuse. */
  async publish(fields: Partial<TaskRequest> & { task: string }, args: readonly unknown[] = []): Promise<TaskRequest> {
    const request = newRequest({ id: randomUUID(), body: encodeBody(args, {}), ...fields })
    await this.send(encodeTask(request))
    return request
  }

  async send(message: Message, queue = 'celery'): Promise<void> {
    const { broker } = await this.app.client()
    await broker.declare({ queues: [{ name: queue }] })
    await broker.publish(message, { exchange: '', routingKey: queue })
  }

  async depth(queue = 'celery'): Promise<number> {
    const { broker } = await this.app.client()
    return (await broker.admin?.depth(queue))?.messages ?? 0
  }

  /** The dead letters of a queue, left where they are. */
  async dead(queue = 'celery'): Promise<Message[]> {
    const { broker } = await this.app.client()
    const found: Message[] = []
    const take = (delivery: Delivery): void => void found.push(delivery.message)
    if (await broker.admin?.depth(deadQueueOf(queue))) await broker.admin?.visit(deadQueueOf(queue), 100_000, take)
    return found
  }

  logged(message: string): LogRecord[] {
    return this.records.filter((record) => record.message === message)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening()
    await Promise.all(this.#workers.map((made) => made.stop()))
    await this.app.close()
  }
}

/** A promise and its ends. */
export class Gate<T = void> {
  open!: (value: T) => void
  readonly passed: Promise<T> = new Promise((resolve) => (this.open = resolve))
}
