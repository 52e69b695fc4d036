import { afterAll, afterEach, beforeAll } from 'vitest'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { type App, type GivenSettings, lovage } from '../../src/index.ts'
import { type Worker, worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { RabbitmqNode } from '../services/rabbitmq.ts'
import { PATIENT } from '../services/patience.ts'

/** How long this RabbitMQ lets a consumer hold a message. */
export const TIMEOUT_MS = 6_000

/** A RabbitMQ of a test file's own that takes messages back early, with what is said meanwhile. */
export class ImpatientRabbitmq {
  #node: RabbitmqNode | undefined
  #queues = 0
  #ends: (() => Promise<unknown>)[] = []
  #records: LogRecord[] = []
  #stopListening: (() => void) | undefined

  /** To be called where tests are described. `prepare` is done once, when it has started. */
  constructor(prepare: (node: RabbitmqNode) => Promise<unknown> = async () => {}) {
    beforeAll(async () => {
      // Its other configuration file takes no limit below a minute.
      const settings = `[{consumer_timeout, ${TIMEOUT_MS}}, {channel_tick_interval, 200}]`
      this.#node = await RabbitmqNode.start({ advanced: `[{rabbit, ${settings}}].` })
      await prepare(this.#node)
      this.#stopListening = onLog((record) => void this.#records.push(record))
    }, 300_000)
    afterEach(async () => {
      for (const end of this.#ends.splice(0).toReversed()) await end()
      this.#records = []
    })
    afterAll(async () => {
      this.#stopListening?.()
      await this.#node?.remove()
    })
  }

  get node(): RabbitmqNode {
    if (!this.#node) throw new Error('there is no RabbitMQ before the first test')
    return this.#node
  }

  /** A name that nobody else has. */
  queue(): string {
    return `queue-${++this.#queues}`
  }

  /** Done after the test, those added last first. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end)
  }

  open(queue = this.queue(), settings: GivenSettings = {}): App {
    const app = lovage(
      'impatient',
      { ...PATIENT, broker: this.node.url(), defaultQueue: queue, ...settings },
      { env: {} },
    )
    this.atEnd(() => app.close())
    return app
  }

  async start(app: App, options: WorkerOptions = {}): Promise<Worker> {
    const made = worker(app, { gracePeriod: 0, consumerTimeout: TIMEOUT_MS, ...options })
    this.atEnd(() => made.stop())
    await made.start()
    return made
  }

  /** What was said of lost channels and connections since the test began. */
  lost(): LogRecord[] {
    return this.#records.filter(({ message }) => /no channel|connection/.test(message))
  }
}
