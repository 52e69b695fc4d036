import { setMaxListeners } from 'node:events'
import { deadline, sleep, systemClock } from '../../src/base/clock.ts'
import { isLovageError } from '../../src/base/errors.ts'
import type { BrokerState } from '../../src/broker/broker.ts'
import { type App, currentTask } from '../../src/index.ts'
import { STARTS_HEADER } from '../../src/protocol/headers.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import type { TcpProxy } from '../services/tcp-proxy.ts'

/** No wait of a round is longer; a wait that ends here has failed. */
const PATIENCE_MS = 60_000

/** How long a task of the load takes. */
const TASK_MS = 15

/** Tasks that a worker runs at a time; one more is in its hands. */
const CONCURRENCY = 10

/** Most messages of the load that are on their way to the broker, and most that wait for their outcome. */
const MOST_SENDING = 8
const MOST_WAITING = 30

/** One start of a task. */
export interface Run {
  readonly worker: number
  readonly atMs: number
  /** The broker gave the message out before: it says so itself, or the count of starts does. */
  readonly isAgain: boolean
}

/** One part of a deployment: a process in all but the name, on a wire of its own. */
export interface Part {
  readonly app: App
  readonly proxy: TcpProxy
  /** When its connection was lost. */
  readonly lostAtMs: number[]
}

/** Waits for a promise, but not for ever. */
export function within<T>(what: string, promise: Promise<T>, timeoutMs = PATIENCE_MS): Promise<T> {
  return deadline(systemClock, promise, timeoutMs, () => new Error(`waited ${timeoutMs} ms in vain until ${what}`))
}

/** Waits until something that gives no signal of its own is so. */
export async function until(what: string | (() => string), holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > endMs) {
      throw new Error(`waited ${PATIENCE_MS} ms in vain until ${typeof what === 'string' ? what : what()}`)
    }
    await sleep(systemClock, 5)
  }
}

/** Something that opens once. */
export class Gate {
  open!: () => void
  readonly passed = new Promise<void>((resolve) => (this.open = resolve))
}

/** A client that sends under load and awaits every outcome, and the workers of its queue. */
export class Deployment {
  readonly queue: string
  readonly client: Part
  readonly workers: (Part & { worker: Worker })[]
  /** Every start, by task id. */
  readonly runs = new Map<string, Run[]>()
  /** Ids that the broker has confirmed. */
  readonly confirmed = new Set<string>()
  /** Ids whose outcome has come. */
  readonly done = new Set<string>()
  /** What went wrong with an outcome. */
  readonly wrong: string[] = []
  /** Sends that failed: nobody was promised an outcome. */
  unsent = 0
  /** Tasks that are sent before the fault and end when this opens. */
  readonly gates = { amid: new Gate(), after: new Gate(), full: new Gate() }
  readonly gated: Record<'amid' | 'after', string[]> = { amid: [], after: [] }
  #waiting = 0
  #load: { isOn: boolean; ended: Promise<unknown> } | undefined

  private constructor(queue: string, client: Part, parts: readonly Part[]) {
    this.queue = queue
    this.client = client
    this.workers = parts.map((part, index) => ({ ...part, worker: this.#worker(part.app, index) }))
  }

  /** Starts one with so many workers; `open` makes an application on a wire of its own, whose queue is `queue`. */
  static async start(
    queue: string,
    workers: number,
    open: (name: string) => Promise<Pick<Part, 'app' | 'proxy'>>,
  ): Promise<Deployment> {
    const part = async (name: string): Promise<Part> => ({ ...(await open(name)), lostAtMs: [] })
    const parts = await Promise.all(Array.from({ length: workers }, (_, index) => part(`worker-${index}`)))
    const deployment = new Deployment(queue, await part('client'), parts)
    try {
      for (const one of deployment.parts) {
        const { broker } = await one.app.client()
        broker.onState((state: BrokerState) => void (state === 'lost' && one.lostAtMs.push(performance.now())))
      }
      await Promise.all(deployment.workers.map((one) => one.worker.start()))
    } catch (error) {
      await deployment.stop()
      throw error
    }
    return deployment
  }

  get parts(): readonly Part[] {
    return [this.client, ...this.workers]
  }

  /** Sends tasks that run until their gate opens, one for each worker and gate, and resolves when all of them run. */
  async beginGated(): Promise<void> {
    for (const gate of ['amid', 'after'] as const) {
      for (let index = 0; index < this.workers.length; index++) {
        const id = await this.#send('gated', [gate])
        if (id === undefined) throw new Error('a task could not be sent before there was a fault')
        this.gated[gate].push(id)
      }
    }
    const ids = [...this.gated.amid, ...this.gated.after]
    await until('the tasks that run through the fault have begun', () => ids.every((id) => this.runs.has(id)))
  }

  /**
   * Sends more tasks than all workers but one could take, which run until the gate `full` opens: where the quickest worker
   * may take all there is, the others are known by this to read as well.
   */
  async fill(): Promise<void> {
    const fillOne = async (): Promise<void> => {
      while ((await this.#send('gated', ['full'])) === undefined) await sleep(systemClock, 5)
    }
    await Promise.all(Array.from({ length: this.workers.length * (CONCURRENCY + 1) }, fillOne))
  }

  /** Sends short tasks without end, until {@link endLoad}. */
  beginLoad(): void {
    const load = { isOn: true, ended: Promise.resolve() as Promise<unknown> }
    const lane = async (): Promise<void> => {
      while (load.isOn) {
        if (this.#waiting >= MOST_WAITING) await sleep(systemClock, 5)
        else await this.#send('short', [])
      }
    }
    load.ended = Promise.all(Array.from({ length: MOST_SENDING }, lane))
    this.#load = load
  }

  async endLoad(): Promise<void> {
    if (!this.#load) return
    this.#load.isOn = false
    await within('the load ends', this.#load.ended)
    this.#load = undefined
  }

  /** Resolves when so many more outcomes have come. */
  async outcomes(count: number): Promise<void> {
    const goal = this.done.size + count
    await until(
      () => `${goal} outcomes came, of which ${this.done.size} did`,
      () => this.done.size >= goal,
    )
  }

  /** So many outcomes are awaited that nothing more is sent before one comes. */
  get isFull(): boolean {
    return this.#waiting >= MOST_WAITING
  }

  /** Confirmed, and without an outcome. */
  get missing(): string[] {
    return [...this.confirmed].filter((id) => !this.done.has(id))
  }

  /** When each worker began its first task after `sinceMs`; `Infinity` where it has not. */
  firstRuns(sinceMs: number): number[] {
    const first = this.workers.map(() => Infinity)
    for (const runs of this.runs.values()) {
      for (const { worker: index, atMs } of runs) {
        if (atMs >= sinceMs) first[index] = Math.min(first[index] as number, atMs)
      }
    }
    return first
  }

  /** Stops everything in the order in which users would; throws where something does not stop in time. */
  async stop(): Promise<void> {
    for (const gate of Object.values(this.gates)) gate.open()
    for (const { proxy } of this.parts) proxy.mode = 'open'
    try {
      await this.endLoad()
      const stopping = this.workers.map((one) => one.worker.stop())
      await within('the workers stop', Promise.all(stopping))
      await within('the connections close', Promise.all(this.parts.map(({ app }) => app.close())))
    } finally {
      await Promise.all(this.parts.map(({ proxy }) => proxy.stop()))
    }
  }

  /** The id, when the broker has confirmed the message. */
  async #send(task: string, args: readonly string[]): Promise<string | undefined> {
    const sending = this.client.app.sendTask<string>(task, args)
    try {
      const result = await sending
      this.confirmed.add(result.id)
      this.#waiting++
      void result
        .get({ timeout: '10m' })
        .then(
          (value) => void (value === result.id || this.wrong.push(`${result.id} came to ${String(value)}`)),
          (error: unknown) => {
            // Closed with the connection at the end: that it is missing is told elsewhere.
            if (isLovageError(error, 'BROKER_CLOSED')) throw error
            this.wrong.push(`${result.id} ended with ${String(error)}`)
          },
        )
        .then(
          () => {
            this.#waiting--
            this.done.add(result.id)
          },
          () => {},
        )
      return result.id
    } catch {
      this.unsent++
      return undefined
    }
  }

  #worker(app: App, index: number): Worker {
    const began = (): string => {
      const { id, delivery, request } = currentTask()
      const runs = this.runs.get(id) ?? []
      const isAgain = delivery.redelivered || STARTS_HEADER in request.custom
      runs.push({ worker: index, atMs: performance.now(), isAgain })
      this.runs.set(id, runs)
      return id
    }
    app.task('short', async () => {
      const id = began()
      await sleep(systemClock, TASK_MS)
      return id
    })
    app.task('gated', async (gate: keyof Deployment['gates']) => {
      const id = began()
      await this.gates[gate].passed
      return id
    })
    return worker(app, { concurrency: CONCURRENCY, hostname: `worker-${index}`, gracePeriod: '10s' })
  }
}

setMaxListeners(0)
