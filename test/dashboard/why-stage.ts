import { randomUUID } from 'node:crypto'
import { every, schedules } from '../../src/beat/beat.ts'
import type { App } from '../../src/app/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { type Why, type WhyOptions, explain } from '../../src/dashboard/why.ts'
import { chain, currentTask, lovage } from '../../src/index.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import { LamportClock } from '../../src/fleet/lamport.ts'
import { type HeardEvent, Listener } from '../../src/fleet/listener.ts'
import { Mailbox } from '../../src/fleet/mailbox.ts'
import { Picture } from '../../src/fleet/picture.ts'
import type { TaskPicture } from '../../src/fleet/task-picture.ts'
import type { Message } from '../../src/protocol/message.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { until } from '../../src/testing/broker/scene.ts'
import { type Worker, worker, type WorkerOptions } from '../../src/worker/worker.ts'

/** Where all meet. */
export interface Place {
  readonly broker: string
  readonly backend: string
  readonly store: string
}

const HOUR = '1h'

/** Queues of the stage, each with what is to be seen there. */
const FULL = { maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } }

/** One broker with tasks in every state that `why` tells apart; each is made once, and asked for as often as wanted. */
export class Stage {
  readonly app: App
  readonly picture = new Picture()
  readonly #place: Place
  readonly #ends: (() => unknown)[] = []
  readonly #workers = new Map<string, Worker>()
  /** Opens what holds tasks up. */
  #open: () => void = () => {}
  readonly #gate = new Promise<void>((resolve) => (this.#open = resolve))

  constructor(place: Place) {
    this.#place = place
    this.app = this.application()
  }

  /** The application as another process has it. */
  application(change: Partial<Place> = {}, settings: GivenSettings = {}): App {
    const queues = [...QUEUES.map((name) => ({ name })), { name: 'full', ...FULL }]
    const { broker, backend, store } = { ...this.#place, ...change }
    const given = {
      broker,
      backend,
      store,
      queues,
      defaultQueue: 'free',
      connectTimeout: '20s',
      publishTimeout: '60s',
      sendSentEvent: true,
      ...settings,
    } as const
    const app = lovage('why', given, { env: {} })
    app.task('why.add', (x: number, y: number) => x + y)
    app.task('why.hold', { trackStarted: true }, () => this.#gate)
    app.task('why.quiet', () => this.#gate)
    app.task('why.limited', { rateLimit: '1/h' }, () => 1)
    app.task('why.fail', () => {
      throw new TypeError('no such thing')
    })
    app.task('why.again', { maxRetries: 3 }, () => {
      throw currentTask().retry({ countdown: HOUR, cause: new TypeError('not yet') })
    })
    this.#ends.push(() => app.close())
    return app
  }

  async work(name: string, queues: readonly string[], options: Partial<WorkerOptions> = {}): Promise<void> {
    const app = this.application()
    const one = worker(app, { hostname: name, queues, concurrency: 1, mingle: false, ...options })
    this.#ends.push(() => one.stop('cold'))
    await one.start()
    this.#workers.set(name, one)
  }

  /** A worker that has its connection, and never answers: as one whose event loop is blocked. */
  async stall(name: string, queue: string): Promise<void> {
    await this.work(name, [queue], { remoteControl: false })
    const { broker } = await this.app.client()
    const { lamport, pidbox } = this.app
    const answer = (): Promise<never> => new Promise<never>(() => {})
    const mailbox = new Mailbox({ broker, hostname: name, lamport, pidbox, answer })
    this.#ends.push(() => mailbox.stop())
    await mailbox.start()
  }

  /** Hears the events of all from now on. */
  async listen(): Promise<void> {
    const { broker } = await this.app.client()
    const onEvents = (events: readonly HeardEvent[]): void => {
      for (const event of events) this.picture.hear(event)
    }
    const listener = new Listener({ broker, lamport: new LamportClock(), onEvents })
    this.#ends.push(() => listener.stop())
    await listener.start()
  }

  /** What was heard of a task, once something was. */
  async heard(id: string): Promise<TaskPicture> {
    await until(`${id} is heard of`, () => this.picture.task(id) !== undefined)
    return this.picture.task(id) as TaskPicture
  }

  /** Names of the workers that answer. */
  get nodes(): string[] {
    return [...this.#workers.keys()].filter((name) => !name.startsWith('silent'))
  }

  async send(
    task: string,
    queue: string,
    options: Record<string, unknown> = {},
    args: unknown[] = [],
  ): Promise<string> {
    const { id } = await this.app.sendTask(task, args, {}, { queue, ...options })
    return id
  }

  /** The answer, when its first reason is the one that is awaited; the last one where it never is. */
  async why(id: string, wanted: string, options: WhyOptions = {}, text = /./): Promise<Why> {
    let why: Why | undefined
    for (const endMs = systemClock.now() + 60_000; ;) {
      why = await explain(this.app, id, { nodes: this.nodes, timeoutMs: 5_000, ...options })
      const [first] = why.reasons
      if ((first?.code === wanted && text.test(first.text)) || systemClock.now() > endMs) return why
    }
  }

  async end(): Promise<void> {
    this.#open()
    for (const end of this.#ends.splice(0).toReversed()) await end()
  }

  async chained(): Promise<string> {
    const { app } = this
    const hold = app.remote<() => void>('why.hold', { queue: 'busy' })
    const add = app.remote<(x: number, y: number) => number>('why.add', { queue: 'free' })
    const result = await chain(hold.s(), add.si(1, 2)).delay()
    return result.id
  }

  /** A message that no worker takes: its content is not accepted. */
  async unreadable(): Promise<string> {
    const id = randomUUID()
    const message = encodeTask(newRequest({ id, task: 'why.add', contentType: 'application/x-python-serialize' }))
    await this.#publish(message)
    return id
  }

  /** A message whose time has passed. */
  async expired(): Promise<string> {
    const id = randomUUID()
    const expires = new Date(systemClock.now() - 60_000).toISOString()
    await this.#publish(encodeTask(newRequest({ id, task: 'why.add', expires, body: encodeBody([1, 2], {}) })))
    return id
  }

  async #publish(message: Message): Promise<void> {
    const { broker } = await this.app.client()
    await broker.publish(message, { exchange: '', routingKey: 'free' })
  }

  async pausedSchedule(): Promise<string> {
    const all = schedules(this.app)
    const add = this.app.remote<(x: number, y: number) => number>('why.add', { queue: 'free' })
    await all.add('nightly', every(3_600_000, add.s(1, 2)))
    await all.pause('nightly')
    return 'nightly'
  }

  async settled(id: string): Promise<void> {
    await until(`${id} has ended`, async () => {
      const { backend } = await this.app.client()
      return ['SUCCESS', 'FAILURE', 'REVOKED'].includes((await backend.get(id))?.state ?? '')
    })
  }
}

export const QUEUES = ['free', 'busy', 'next', 'silent', 'stalled', 'nobody', 'paused'] as const
