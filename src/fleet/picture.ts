import { Oldest } from '../base/oldest.ts'
import type { HeardEvent } from './listener.ts'
import { type Changing, newTask, numberOf, put, takeIn, type TaskPicture, textOf } from './task-picture.ts'

/** A worker as its events show it. Times are epoch ms by the clock of who listens. */
export interface WorkerPicture {
  readonly hostname: string
  readonly pid: number
  /** Seconds between its heartbeats, as it says. */
  readonly freq: number
  /** Undefined until it has told. */
  readonly active: number | undefined
  readonly processed: number | undefined
  readonly loadavg: readonly number[] | undefined
  /** `py-celery`, `lovage`. */
  readonly software: string | undefined
  readonly version: string | undefined
  readonly system: string | undefined
  readonly clock: number
  /** When something was last heard of it. */
  readonly heardAtMs: number
  /** It has said that it goes. */
  readonly hasLeft: boolean
}

/** What one event has changed. */
export type PictureChange =
  | { readonly kind: 'worker'; readonly worker: WorkerPicture; readonly isNew: boolean }
  | { readonly kind: 'task'; readonly task: TaskPicture; readonly isNew: boolean }

/** How much a picture holds; what was heard of first goes first. */
export interface PictureLimits {
  /** Default 10,000. */
  readonly tasks?: number
  /** Default 5,000. */
  readonly workers?: number
}

/** A node that has told of tasks, and not yet how often it says that it is alive (Celery's). */
const FREQ_S = 60

/** Longest name of a node, and longest id: what a short string of AMQP can hold. */
const MOST_NAME = 255

/** Heartbeats that may be missed (Celery's window of 200 %). */
const MISSED = 2

/**
 * The state of a fleet, made of its events by Celery's rules (celery/events/state.py): which workers are alive, and how far
 * each task is, whatever the order in which its events come. Knows no clock and no network.
 */
export class Picture {
  readonly #most: Required<PictureLimits>
  readonly #workers = new Map<string, Changing<WorkerPicture>>()
  readonly #tasks = new Map<string, Changing<TaskPicture>>()
  readonly #oldestWorker = new Oldest(this.#workers, ({ hostname }: WorkerPicture) => hostname)
  readonly #oldestTask = new Oldest(this.#tasks, ({ uuid }: TaskPicture) => uuid)

  constructor({ tasks = 10_000, workers = 5_000 }: PictureLimits = {}) {
    this.#most = { tasks, workers }
  }

  /** Those that were heard of, alive or not, the first first. */
  get workers(): WorkerPicture[] {
    return [...this.#workers.values()]
  }

  get tasks(): TaskPicture[] {
    return [...this.#tasks.values()]
  }

  worker(hostname: string): WorkerPicture | undefined {
    return this.#workers.get(hostname)
  }

  task(uuid: string): TaskPicture | undefined {
    return this.#tasks.get(uuid)
  }

  /** Takes an event in. Undefined: it tells nothing of a worker or task. */
  hear(event: HeardEvent): PictureChange | undefined {
    const { type, hostname, fields } = event
    if (hostname.length > MOST_NAME) return undefined
    if (type.startsWith('worker-')) return this.#ofWorker(event)
    const { uuid } = fields
    if (!type.startsWith('task-') || typeof uuid !== 'string' || uuid === '' || uuid.length > MOST_NAME)
      return undefined
    return this.#ofTask(uuid, type.slice('task-'.length), event)
  }

  #ofWorker(event: HeardEvent): PictureChange {
    const { type, hostname, pid, clock, heardAtMs, fields } = event
    const { worker, isNew } = this.#known(hostname)
    const told: Partial<WorkerPicture> = {
      pid,
      clock,
      heardAtMs: Math.max(worker.heardAtMs, heardAtMs),
      hasLeft: type === 'worker-offline',
      freq: freqOf(fields['freq']),
      active: numberOf(fields['active']),
      processed: numberOf(fields['processed']),
      loadavg: loadOf(fields['loadavg']),
      software: textOf(fields['sw_ident']),
      version: textOf(fields['sw_ver']),
      system: textOf(fields['sw_sys']),
    }
    put(worker, told)
    return { kind: 'worker', worker, isNew }
  }

  #ofTask(uuid: string, what: string, event: HeardEvent): PictureChange {
    const { hostname, pid, clock, timestamp, heardAtMs, fields } = event
    const known = this.#tasks.get(uuid)
    const task = known ?? this.#newTask(uuid)
    const isSent = what === 'sent'
    if (!isSent) {
      const { worker } = this.#known(hostname)
      // A sign of life; but one that goes still tells of what it ends.
      put(worker, { pid, clock, heardAtMs: Math.max(worker.heardAtMs, heardAtMs) })
    }
    put(task, isSent ? { client: hostname, clock } : { worker: hostname, clock })
    takeIn(task, what, timestamp, fields)
    return { kind: 'task', task, isNew: !known }
  }

  #known(hostname: string): { worker: Changing<WorkerPicture>; isNew: boolean } {
    const known = this.#workers.get(hostname)
    if (known) return { worker: known, isNew: false }
    const worker: WorkerPicture = {
      hostname,
      pid: 0,
      freq: FREQ_S,
      active: undefined,
      processed: undefined,
      loadavg: undefined,
      software: undefined,
      version: undefined,
      system: undefined,
      clock: 0,
      heardAtMs: 0,
      hasLeft: false,
    }
    this.#workers.set(hostname, worker)
    this.#oldestWorker.add(worker)
    const oldest = this.#workers.size > this.#most.workers ? this.#oldestWorker.value : undefined
    if (oldest) this.#workers.delete(oldest.hostname)
    return { worker, isNew: true }
  }

  #newTask(uuid: string): Changing<TaskPicture> {
    const task = newTask(uuid)
    this.#tasks.set(uuid, task)
    this.#oldestTask.add(task)
    const oldest = this.#tasks.size > this.#most.tasks ? this.#oldestTask.value : undefined
    if (oldest) this.#tasks.delete(oldest.uuid)
    return task
  }
}

/** Whether a worker is there, by its heartbeats (epoch ms): two of them may be missed. */
export function isAlive({ hasLeft, heardAtMs, freq }: WorkerPicture, nowMs: number): boolean {
  return !hasLeft && nowMs < heardAtMs + freq * MISSED * 1000
}

/** One that would never be missed is none. */
function freqOf(value: unknown): number | undefined {
  const freq = numberOf(value)
  return freq !== undefined && freq > 0 ? freq : undefined
}

function loadOf(value: unknown): readonly number[] | undefined {
  return Array.isArray(value) && value.length <= 3 && value.every(Number.isFinite) ? (value as number[]) : undefined
}
