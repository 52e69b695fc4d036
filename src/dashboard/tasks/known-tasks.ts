import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { HeardEvent } from '../../fleet/listener.ts'
import type { TaskPicture } from '../../fleet/task-picture.ts'
import type { TaskDetail, TaskList, TaskRow } from '../api-tasks.ts'
import type { TaskGlance, TaskReader } from '../context.ts'
import { parseFilter } from '../filter/parse.ts'
import { runQuery } from '../filter/query.ts'
import { Rates } from '../traffic/rates.ts'
import { Series } from '../traffic/series.ts'
import { Waits } from '../traffic/waits.ts'
import { pictureOf } from './picture-of.ts'
import { type Redact, takeEvent } from './take-event.ts'
import { detailOf, known, rowOf } from './task-rows.ts'
import { type TableLimits, TaskTable } from './task-table.ts'

/** What tasks send themselves, or what follows them, is counted as sent by this. */
export const OF_TASKS = 'workers'

/** What a worker has done, by its events. */
export interface WorkerCounts {
  succeeded: number
  failed: number
  retried: number
}

/** What an index is told besides events. */
export interface KnownOptions extends TableLimits {
  readonly clock: Clock
  /** The queue that a worker reads, if it reads one only: Celery's events do not say where a task came from. */
  readonly queueOf: (worker: string) => string | undefined
  /** What may be done with a task now. */
  readonly actionsOf: (row: TaskRow) => readonly string[]
  readonly redact?: Redact | undefined
}

/** Nodes whose work is counted. */
const MOST_NODES = 10_000

/** The newest tasks, and how many of them flow where: made of events. */
export class KnownTasks implements TaskReader {
  readonly table: TaskTable
  readonly series = new Series()
  readonly waits = new Waits()
  /** Tasks per second: of a sender, into a queue, out of one, begun by a worker. */
  readonly rates = { sender: new Rates(), into: new Rates(), outOf: new Rates(), worker: new Rates() }
  readonly #options: KnownOptions
  readonly #counts = new Map<string, WorkerCounts>()
  #heardAtMs = 0

  constructor(options: KnownOptions) {
    this.#options = options
    this.table = new TaskTable(options)
  }

  /** What takes out of a text what nobody may read. */
  get redact(): Redact | undefined {
    return this.#options.redact
  }

  get size(): number {
    return this.table.size
  }

  /** When an event of a task was heard last; 0: never. */
  get heardAtMs(): number {
    return this.#heardAtMs
  }

  /** Takes in what came together. False: none of it was of tasks. */
  hear(events: readonly HeardEvent[]): boolean {
    let isOfTasks = false
    for (const event of events) {
      if (!event.type.startsWith('task-')) continue
      try {
        isOfTasks = this.#hear(event) || isOfTasks
      } catch (error) {
        log('error', 'dashboard', 'an event was not taken', { type: event.type, error: messageOf(error) })
      }
    }
    this.table.trim()
    return isOfTasks
  }

  get(id: string): TaskRow | undefined {
    const slot = this.table.find(id)
    return slot === undefined ? undefined : rowOf(this.table, slot)
  }

  /** Who has said that it sent it. */
  clientOf(id: string): string | null {
    const slot = this.table.find(id)
    return slot === undefined ? null : this.table.nameText('client', slot)
  }

  glance(id: string): TaskGlance | undefined {
    const { table } = this
    const slot = table.find(id)
    if (slot === undefined) return undefined
    const { receivedMs, startedMs, etaMs } = table.columns
    return {
      name: table.nameText('name', slot),
      receivedMs: known(receivedMs[slot]),
      startedMs: known(startedMs[slot]),
      hasEta: known(etaMs[slot]) !== null,
    }
  }

  detail(id: string): TaskDetail | undefined {
    const slot = this.table.find(id)
    if (slot === undefined) return undefined
    const detail = detailOf(this.table, slot)
    return { ...detail, asOfMs: detail.updatedMs, actions: this.#options.actionsOf(detail) }
  }

  /** It, in the words of its events. */
  picture(id: string): TaskPicture | undefined {
    const slot = this.table.find(id)
    return slot === undefined ? undefined : pictureOf(this.table, slot)
  }

  *rows(): Generator<TaskRow, void, undefined> {
    for (const slot of this.table.slots()) yield rowOf(this.table, slot)
  }

  async query(
    filter: string,
    { limit, before }: { readonly limit: number; readonly before?: string },
  ): Promise<Omit<TaskList, 'asOfMs'>> {
    const page = { limit, facets: false, before: before === undefined ? undefined : Number(before) }
    return runQuery(this.table, { ...page, filter: parseFilter(filter) }, this.#options.clock)
  }

  /** What a worker has done since this dashboard listens. */
  countsOf(worker: string): Readonly<WorkerCounts> {
    return this.#counts.get(worker) ?? { succeeded: 0, failed: 0, retried: 0 }
  }

  forgetWorker(worker: string): void {
    this.#counts.delete(worker)
  }

  #hear(event: HeardEvent): boolean {
    const { table, rates } = this
    const { hostname, heardAtMs, fields } = event
    const taken = takeEvent(table, event, this.#options.queueOf, this.#options.redact)
    if (!taken) return false
    const { slot, what } = taken
    this.#heardAtMs = heardAtMs
    this.series.count(what, heardAtMs)
    switch (what) {
      case 'sent': {
        rates.sender.count(typeof fields['parent_id'] === 'string' ? OF_TASKS : hostname, heardAtMs)
        const queue = table.nameText('queue', slot)
        if (queue !== null) rates.into.count(queue, heardAtMs)
        break
      }
      case 'started': {
        rates.worker.count(hostname, heardAtMs)
        const queue = table.nameText('queue', slot)
        if (queue === null) break
        rates.outOf.count(queue, heardAtMs)
        this.#countWait(queue, slot, heardAtMs)
        break
      }
      case 'succeeded':
      case 'failed':
      case 'retried':
        this.#countsFor(hostname)[what]++
    }
    return true
  }

  #countWait(queue: string, slot: number, nowMs: number): void {
    const { sentMs, receivedMs, startedMs } = this.table.columns
    const from = Number.isNaN(sentMs[slot]) ? receivedMs[slot] : sentMs[slot]
    const waitMs = (startedMs[slot] as number) - (from as number)
    if (!Number.isNaN(waitMs)) this.waits.count(queue, Math.max(0, waitMs), nowMs)
  }

  #countsFor(worker: string): WorkerCounts {
    let counts = this.#counts.get(worker)
    if (!counts) {
      if (this.#counts.size >= MOST_NODES) return { succeeded: 0, failed: 0, retried: 0 }
      counts = { succeeded: 0, failed: 0, retried: 0 }
      this.#counts.set(worker, counts)
    }
    return counts
  }
}
