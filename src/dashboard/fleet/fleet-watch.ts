import type { App } from '../../app/app.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import type { HeardEvent } from '../../fleet/listener.ts'
import type { QueueRow, WorkerDetail, WorkerList, WorkerRow, QueueList } from '../api-fleet.ts'
import type { FleetReader } from '../context.ts'
import type { ResolvedOptions } from '../options.ts'
import type { KnownTasks } from '../tasks/known-tasks.ts'
import { WAIT_BUCKETS_MS } from '../traffic/waits.ts'
import { Gateways } from './gateways.ts'
import { QueueBook } from './queue-book.ts'
import { WorkerAnswers } from './worker-answers.ts'
import { WorkerBook } from './worker-book.ts'
import { queueNames, workerDetail, workerRow } from './worker-rows.ts'

/** Depths of queues are read that often at least, whether somebody looks or not: their history has no gaps then. */
const DEPTHS_MS = 10_000

/** Who has asked for something within this time looks. */
const LOOKS_MS = 20_000

/** Workers that come together are asked together. */
const GATHER_MS = 300

/** What a fleet needs. */
export interface FleetOptions {
  readonly app: App
  readonly clock: Clock
  readonly options: ResolvedOptions
  readonly index: KnownTasks
  /** Why no event can be heard now. */
  readonly staleBecause: () => string | undefined
  /** Something has changed. */
  readonly changed: (topic: 'workers' | 'queues' | 'gateways' | 'overview') => void
}

/** Workers, queues and gateways: what they tell by events, and what they answer while somebody looks. */
export class FleetWatch implements FleetReader {
  readonly gateways = new Gateways()
  readonly #book = new WorkerBook()
  readonly #answers: WorkerAnswers
  readonly #queues: QueueBook
  readonly #with: FleetOptions
  readonly #fresh = new Set<string>()
  #freshTimer: Timer | undefined
  #timer: Timer | undefined
  #lookedAtMs = 0
  #heardAtMs = 0
  #depthsAtMs = 0
  #isEnded = false

  constructor(given: FleetOptions) {
    this.#with = given
    this.#answers = new WorkerAnswers(given.app, given.clock)
    this.#queues = new QueueBook(given.app, given.clock)
    const { settings, registry } = given.app
    this.#queues.name(settings.defaultQueue)
    for (const name of registry.names()) {
      const queue = registry.get(name)?.options.queue
      if (queue !== undefined) this.#queues.name(queue)
    }
  }

  get asOfMs(): number {
    return this.#heardAtMs
  }

  get hasGateways(): boolean {
    return this.gateways.size > 0
  }

  get staleBecause(): string | undefined {
    return this.#with.staleBecause()
  }

  begin(): void {
    const tick = (): void => {
      this.#timer = this.#with.clock.after(this.#with.options.pollIntervalMs, () => void this.#tick().then(again), {
        unref: true,
      })
    }
    const again = (): void => (this.#isEnded ? undefined : tick())
    void this.#queues.ask().then(() => this.#with.changed('queues'))
    tick()
  }

  end(): void {
    this.#isEnded = true
    this.#timer?.cancel()
    this.#freshTimer?.cancel()
  }

  /** Somebody reads what is here: it is kept fresh for a while. */
  looked(): void {
    const nowMs = this.#with.clock.now()
    const slept = nowMs - this.#lookedAtMs > LOOKS_MS
    this.#lookedAtMs = nowMs
    if (slept) void this.refresh()
  }

  hear(events: readonly HeardEvent[]): void {
    const { changed } = this.#with
    const fresh = this.#book.hear(events)
    const last = events.at(-1)
    if (last) this.#heardAtMs = last.heardAtMs
    if (this.gateways.hear(events)) changed('gateways')
    if (events.some(({ type }) => type.startsWith('worker-'))) changed('workers')
    for (const { type, fields } of events) {
      if (type === 'task-sent' && typeof fields['queue'] === 'string') this.#queues.name(fields['queue'])
    }
    if (fresh.length === 0) return
    for (const name of fresh) this.#fresh.add(name)
    this.#freshTimer ??= this.#with.clock.after(GATHER_MS, () => void this.#meet(), { unref: true })
  }

  /** The queue that a worker reads, if it reads one only. */
  readonly queueOf = (worker: string): string | undefined => {
    const names = this.#answers.of(worker)?.active_queues
    if (!Array.isArray(names) || names.length !== 1) return undefined
    const { name } = names[0] as { name?: unknown }
    return typeof name === 'string' ? name : undefined
  }

  get workers(): readonly WorkerRow[] {
    const nowMs = this.#with.clock.now()
    const parts = { book: this.#book, answers: this.#answers, index: this.#with.index }
    return this.#book.workers().map((picture) => workerRow(picture, parts, nowMs))
  }

  worker(name: string): WorkerDetail | undefined {
    const picture = this.#book.worker(name)
    if (!picture) return undefined
    const parts = { book: this.#book, answers: this.#answers, index: this.#with.index }
    return workerDetail(workerRow(picture, parts, this.#with.clock.now()), this.#answers.of(name))
  }

  answers(worker: string): Readonly<Record<string, unknown>> | undefined {
    return this.#answers.of(worker)
  }

  get queues(): readonly QueueRow[] {
    const readers = this.#readers()
    return this.#queues.names().map((name) => this.#queueRow(name, readers.get(name) ?? []))
  }

  workerList(): WorkerList {
    const { staleBecause } = this
    return { workers: this.workers, asOfMs: this.#heardAtMs, ...(staleBecause !== undefined && { staleBecause }) }
  }

  queueList(): QueueList {
    const staleBecause = this.staleBecause ?? this.#queues.staleBecause
    return {
      queues: this.queues,
      waitBucketsMs: WAIT_BUCKETS_MS,
      cannot: this.#queues.canList ? CANNOT : { ...CANNOT, delayed: NO_LIST },
      asOfMs: this.#queues.asOfMs,
      ...(staleBecause !== undefined && { staleBecause }),
    }
  }

  async refresh(): Promise<void> {
    await Promise.all([this.#answers.ask(this.#online()), this.#askQueues()])
    this.#named()
    this.#with.changed('workers')
  }

  /** Asks one worker all there is to know. */
  async look(worker: string): Promise<void> {
    if (this.#online().includes(worker)) await this.#answers.askAll([worker])
  }

  async #tick(): Promise<void> {
    const { clock, options, index } = this.#with
    const nowMs = clock.now()
    const beforeMs = nowMs - options.forgetAfterMs
    for (const name of this.#book.forget(beforeMs)) {
      this.#answers.forget(name)
      index.forgetWorker(name)
    }
    for (const name of this.#queues.forget(beforeMs)) index.waits.forget(name)
    this.gateways.forget(beforeMs)
    if (nowMs - this.#lookedAtMs < LOOKS_MS) await this.refresh()
    else if (nowMs - this.#depthsAtMs >= DEPTHS_MS) await this.#askQueues()
  }

  async #askQueues(): Promise<void> {
    this.#depthsAtMs = this.#with.clock.now()
    await this.#queues.ask()
    this.#with.changed('queues')
  }

  async #meet(): Promise<void> {
    this.#freshTimer = undefined
    const names = [...this.#fresh]
    this.#fresh.clear()
    await this.#answers.askAll(names)
    this.#named()
    this.#with.changed('workers')
  }

  #online(): string[] {
    const nowMs = this.#with.clock.now()
    return this.#book
      .workers()
      .map(({ hostname }) => hostname)
      .filter((name) => this.#book.isOnline(name, nowMs))
  }

  #named(): void {
    for (const queue of this.#readers().keys()) this.#queues.name(queue)
  }

  /** The workers that are there, by queue. */
  #readers(): Map<string, string[]> {
    const readers = new Map<string, string[]>()
    for (const worker of this.#online()) {
      for (const queue of queueNames(this.#answers.of(worker))) {
        const names = readers.get(queue)
        if (names) names.push(worker)
        else readers.set(queue, [worker])
      }
    }
    return readers
  }

  #queueRow(name: string, workers: readonly string[]): QueueRow {
    const { clock, index } = this.#with
    const nowMs = clock.now()
    const facts = this.#queues.get(name)
    const outRate = index.rates.outOf.rate(name, nowMs)
    const told = index.rates.into.rate(name, nowMs)
    // Senders tell of what they send only where they were asked to; else it is what went out and what has grown.
    const inRate = told > 0 ? told : Math.max(0, outRate + (facts?.growth ?? 0))
    const ready = facts?.ready ?? null
    return {
      name,
      ready,
      unacked: null,
      consumers: facts?.consumers ?? null,
      delayed: facts?.delayed ?? null,
      dead: facts?.dead ?? null,
      oldestMs: null,
      inRate,
      outRate,
      drainMs: ready === 0 ? 0 : ready === null || outRate <= inRate ? null : (ready / (outRate - inRate)) * 1000,
      workers,
      depths: this.#queues.depths(name),
      waits: index.waits.read(name, nowMs),
    }
  }
}

const NO_LIST = 'what is for later this broker keeps together, whatever queue it is for, and cannot list'

const CANNOT: QueueList['cannot'] = {
  unacked: 'what is in the hands of workers is not asked for: RabbitMQ does not tell it over AMQP, other brokers might',
  oldestMs:
    'how old the oldest message is, is not asked for: RabbitMQ would have to hand it out, other brokers might tell',
}
