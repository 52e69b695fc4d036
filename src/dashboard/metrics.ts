import prometheus from 'prom-client'
import type { HeardEvent } from '../fleet/listener.ts'
import type { DashboardPart } from './context.ts'
import { FlowerMetrics } from './flower-metrics.ts'

/** Tasks and queues that have rows of their own; what comes beyond is told as `other`. */
const MOST_NAMES = 500
const OTHER = 'other'

const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]

/** What a task comes to, by the event that tells it. */
const OUTCOMES: Readonly<Record<string, string>> = {
  'task-succeeded': 'succeeded',
  'task-failed': 'failed',
  'task-retried': 'retried',
  'task-revoked': 'revoked',
  'task-rejected': 'rejected',
}

/**
 * `GET /metrics`: Flower's names, for boards that have them, and ours beside them, which have no row for each pair of
 * worker and task.
 */
export const metrics: DashboardPart = (server, context) => {
  const registry = new prometheus.Registry()
  const ofFlower = new FlowerMetrics(context)
  ofFlower.register(registry)
  const registers = [registry]
  const names = new Set<string>()
  const bounded = (name: string): string => {
    if (names.has(name)) return name
    if (names.size >= MOST_NAMES) return OTHER
    names.add(name)
    return name
  }
  const outcomes = new prometheus.Counter({
    name: 'lovage_tasks_total',
    help: 'What tasks have come to, since this dashboard listens',
    labelNames: ['task', 'outcome'],
    registers,
  })
  const runs = new prometheus.Histogram({
    name: 'lovage_task_run_seconds',
    help: 'How long tasks ran, as their workers tell',
    labelNames: ['task'],
    buckets: BUCKETS_S,
    registers,
  })
  const events = new prometheus.Counter({
    name: 'lovage_events_total',
    help: 'Events heard, since this dashboard listens',
    registers,
  })
  const gauge = (name: string, help: string, read: (set: (labels: object, value: number) => void) => void): void => {
    const labelNames = name.startsWith('lovage_queue') ? ['queue'] : name.includes('worker_') ? ['worker'] : []
    const made = new prometheus.Gauge({
      name,
      help,
      labelNames,
      registers,
      collect: () => {
        made.reset()
        read((labels, value) => made.set(labels as never, value))
      },
    })
  }
  gauge('lovage_tasks_held', 'Tasks that this dashboard knows', (set) => set({}, context.tasks.size))
  gauge('lovage_workers', 'Workers that are online', (set) =>
    set({}, context.fleet.workers.filter(({ status }) => status === 'online').length),
  )
  const queue = (
    name: string,
    help: string,
    read: (row: (typeof context.fleet.queues)[number]) => number | null,
  ): void =>
    gauge(name, help, (set) => {
      for (const row of context.fleet.queues.slice(0, MOST_NAMES)) {
        const value = read(row)
        if (value !== null) set({ queue: row.name }, value)
      }
    })
  queue('lovage_queue_ready', 'Messages that wait in a queue', ({ ready }) => ready)
  queue('lovage_queue_unacked', 'Messages of a queue in the hands of workers', ({ unacked }) => unacked)
  queue('lovage_queue_dead', 'Dead letters of a queue', ({ dead }) => dead)
  queue('lovage_queue_oldest_seconds', 'Age of the oldest message of a queue, where the broker can tell', (row) =>
    row.oldestMs === null ? null : row.oldestMs / 1000,
  )

  const hear = (heard: readonly HeardEvent[]): void => {
    events.inc(heard.length)
    ofFlower.hear(heard)
    for (const { type, fields } of heard) {
      const outcome = OUTCOMES[type]
      if (outcome === undefined || typeof fields['uuid'] !== 'string') continue
      const task = bounded(context.tasks.glance(fields['uuid'])?.name ?? '')
      outcomes.inc({ task, outcome })
      if (typeof fields['runtime'] === 'number') runs.observe({ task }, fields['runtime'])
    }
  }
  context.onStop(context.onEvents(hear))
  const answer = async (): Promise<string> => {
    // What queues and workers tell is as old as the last look at them; nobody may look.
    await context.fleet.refresh()
    return registry.metrics()
  }
  server.get('/metrics', (_request, reply) => {
    void reply.type(registry.contentType)
    return answer()
  })
}
