import prometheus, { type Registry } from 'prom-client'
import type { HeardEvent } from '../fleet/listener.ts'
import type { DashboardContext, TaskGlance } from './context.ts'

/** Flower's buckets, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** Nodes that have rows of their own, and tasks of each; what comes beyond is told as `other`. */
const MOST_NODES = 500
const MOST_TASKS = 200
const OTHER = 'other'

/** What is counted of one node. */
interface Node {
  readonly name: string
  heardAtMs: number
  readonly tasks: Map<string, Counted>
  isOnline: boolean | undefined
  executing: number | undefined
}

interface Counted {
  /** By type of event. */
  readonly events: Map<string, number>
  /** Received and not begun. */
  prefetched: number | undefined
  prefetchS: number | undefined
  /** Of its runs, by bucket. */
  readonly buckets: number[]
  runs: number
  runS: number
}

/** Kinds of events of tasks' own that are told apart. */
const MOST_TYPES = 50

/**
 * Flower's metrics under Flower's names, made of the same events. A node that nobody has heard of for so long leaves them:
 * offline workers, and clients, each of which is a node of its own.
 */
export class FlowerMetrics {
  readonly #context: DashboardContext
  readonly #nodes = new Map<string, Node>()

  constructor(context: DashboardContext) {
    this.#context = context
  }

  hear(events: readonly HeardEvent[]): void {
    for (const event of events) {
      if (event.type.startsWith('task-')) this.#hearTask(event)
      else if (event.type.startsWith('worker-')) this.#hearWorker(event)
    }
  }

  /** Adds them to a registry, to be counted when somebody looks. */
  register(registry: Registry): void {
    const pairs = ['worker', 'task'] as const
    const counter = new prometheus.Counter({
      name: 'flower_events_total',
      help: 'Number of events',
      labelNames: ['worker', 'type', 'task'],
      registers: [registry],
      collect: () => {
        counter.reset()
        this.#forget()
        this.#each((worker, task, { events }) => {
          for (const [type, count] of events) counter.inc({ worker, type, task }, count)
        })
      },
    })
    registry.registerMetric(new Runtimes(() => this.#runtimes()) as never)
    const gauge = (name: string, help: string, value: (counted: Counted) => number | undefined): void => {
      const made = new prometheus.Gauge({
        name,
        help,
        labelNames: pairs,
        registers: [registry],
        collect: () => {
          made.reset()
          this.#each((worker, task, counted) => {
            const now = value(counted)
            if (now !== undefined) made.set({ worker, task }, now)
          })
        },
      })
    }
    const what = 'The time the task spent waiting at the celery worker to be executed.'
    gauge('flower_task_prefetch_time_seconds', what, ({ prefetchS }) => prefetchS)
    const waiting = 'Number of tasks of given type prefetched at a worker'
    gauge('flower_worker_prefetched_tasks', waiting, ({ prefetched }) => prefetched)
    const ofNode = (name: string, help: string, reader: () => (node: Node) => number | undefined): void => {
      const made = new prometheus.Gauge({
        name,
        help,
        labelNames: ['worker'],
        registers: [registry],
        collect: () => {
          made.reset()
          const value = reader()
          for (const node of this.#nodes.values()) {
            const now = value(node)
            if (now !== undefined) made.set({ worker: node.name }, now)
          }
        },
      })
    }
    ofNode('flower_worker_online', 'Worker online status', () => this.#online())
    const busy = 'Number of tasks currently executing at a worker'
    ofNode(
      'flower_worker_number_of_currently_executing_tasks',
      busy,
      () =>
        ({ executing }) =>
          executing,
    )
  }

  #hearWorker({ type, hostname, heardAtMs, fields }: HeardEvent): void {
    const node = this.#node(hostname, heardAtMs)
    node.isOnline = type !== 'worker-offline'
    const { active } = fields
    if (type === 'worker-heartbeat' && typeof active === 'number') node.executing = active
  }

  #hearTask(event: HeardEvent): void {
    const { type, hostname, heardAtMs, fields } = event
    const { uuid, runtime } = fields
    if (typeof uuid !== 'string') return
    const known = this.#context.tasks.glance(uuid)
    const name = typeof fields['name'] === 'string' ? fields['name'] : (known?.name ?? '')
    const counted = this.#counted(this.#node(hostname, heardAtMs), name)
    const kind = counted.events.has(type) || counted.events.size < MOST_TYPES ? type : OTHER
    counted.events.set(kind, (counted.events.get(kind) ?? 0) + 1)
    if (typeof runtime === 'number' && runtime > 0) {
      counted.runs++
      counted.runS += runtime
      const bucket = BUCKETS.findIndex((most) => runtime <= most)
      if (bucket >= 0) counted.buckets[bucket] = (counted.buckets[bucket] ?? 0) + 1
    }
    // Those with a time of their own are not waiting for a slot.
    if (!known || known.receivedMs === null || hasEta(known, event)) return
    if (type === 'task-received') counted.prefetched = (counted.prefetched ?? 0) + 1
    else if (type === 'task-started' && known.startedMs !== null) {
      counted.prefetchS = Math.max(0, known.startedMs - known.receivedMs) / 1000
      counted.prefetched = Math.max(0, (counted.prefetched ?? 0) - 1)
    } else if (type === 'task-succeeded' || type === 'task-failed') counted.prefetchS = 0
  }

  /** Workers are read once for all nodes: each reading makes a row of every worker. */
  #online(): (node: Node) => number | undefined {
    const statuses = new Map(this.#context.fleet.workers.map(({ name, status }) => [name, status]))
    return ({ name, isOnline }) => {
      if (isOnline === undefined) return undefined
      const status = statuses.get(name)
      return Number(isOnline && status !== 'offline' && status !== 'left')
    }
  }

  #node(name: string, heardAtMs: number): Node {
    const found = this.#nodes.get(name) ?? (this.#nodes.size < MOST_NODES ? undefined : this.#nodes.get(OTHER))
    const node = found ?? { name, heardAtMs, tasks: new Map(), isOnline: undefined, executing: undefined }
    if (!found) {
      const own = this.#nodes.size < MOST_NODES ? name : OTHER
      const made = own === name ? node : { ...node, name: OTHER }
      this.#nodes.set(own, made)
      return made
    }
    node.heardAtMs = Math.max(node.heardAtMs, heardAtMs)
    return node
  }

  #counted({ tasks }: Node, name: string): Counted {
    const own = tasks.has(name) || tasks.size < MOST_TASKS ? name : OTHER
    const known = tasks.get(own)
    if (known) return known
    const made: Counted = {
      events: new Map(),
      prefetched: undefined,
      prefetchS: undefined,
      buckets: BUCKETS.map(() => 0),
      runs: 0,
      runS: 0,
    }
    tasks.set(own, made)
    return made
  }

  #forget(): void {
    const { clock, options } = this.#context
    const beforeMs = clock.now() - options.forgetAfterMs
    for (const [name, { heardAtMs }] of this.#nodes) if (heardAtMs < beforeMs) this.#nodes.delete(name)
  }

  #each(look: (worker: string, task: string, counted: Counted) => void): void {
    for (const { name, tasks } of this.#nodes.values()) {
      for (const [task, counted] of tasks) look(name, task, counted)
    }
  }

  #runtimes(): Sample[] {
    const samples: Sample[] = []
    const metricName = (end: string): string => `flower_task_runtime_seconds_${end}`
    this.#each((worker, task, { buckets, runs, runS }) => {
      if (runs === 0) return
      let count = 0
      BUCKETS.forEach((most, at) => {
        count += buckets[at] ?? 0
        const le = Number.isInteger(most) ? `${most}.0` : String(most)
        samples.push({ metricName: metricName('bucket'), labels: { le, task, worker }, value: count })
      })
      samples.push({ metricName: metricName('bucket'), labels: { le: '+Inf', task, worker }, value: runs })
      samples.push({ metricName: metricName('count'), labels: { task, worker }, value: runs })
      samples.push({ metricName: metricName('sum'), labels: { task, worker }, value: runS })
    })
    return samples
  }
}

function hasEta(known: TaskGlance, { type, fields }: HeardEvent): boolean {
  if (type === 'task-received') return typeof fields['eta'] === 'string'
  return type === 'task-started' && known.hasEta
}

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A histogram whose rows leave with their nodes, and whose bounds are written as Python writes them. */
class Runtimes {
  readonly name = 'flower_task_runtime_seconds'
  readonly help = 'Task runtime'
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #read: () => Sample[]

  constructor(read: () => Sample[]) {
    this.#read = read
  }

  get(): Promise<object> {
    const { name, help, type, aggregator } = this
    return Promise.resolve({ name, help, type, aggregator, values: this.#read() })
  }
}
