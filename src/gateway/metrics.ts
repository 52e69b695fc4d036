import type { Histogram, Registry } from 'prom-client'
import type { App } from '../app/app.ts'
import type { Exchange } from './exchange.ts'
import type { Reply } from './reply.ts'

/** Seconds: from a page that is at hand to a task that nearly runs out of time. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Methods that are counted under their names; what a client invents makes no series of its own. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Counts what a gateway does, for Prometheus. Each label has few values, whatever clients send: routes are patterns as they
 * were bound, codes are those of the table of errors.
 */
export class Metrics {
  readonly #made: Promise<Series>

  /** `inFlight`: requests that wait for tasks now. */
  constructor(app: App, inFlight: () => number) {
    this.#made = series(app, inFlight)
  }

  /** A request has ended. */
  readonly observe = (exchange: Exchange): void => void this.#made.then((made) => made.observe(exchange))

  /** Answers `/metrics`. */
  async reply(): Promise<Reply> {
    const { registry } = await this.#made
    const body = await registry.metrics()
    return { status: 200, headers: { 'content-type': registry.contentType, 'cache-control': 'no-store' }, body }
  }
}

interface Series {
  readonly registry: Registry
  observe(exchange: Exchange): void
}

async function series(app: App, inFlight: () => number): Promise<Series> {
  // Loaded where it is wanted: most processes count nothing.
  const { default: prometheus } = await import('prom-client')
  const registry = new prometheus.Registry()
  const registers = [registry]
  prometheus.collectDefaultMetrics({ register: registry })

  const requests = new prometheus.Counter({
    name: 'lovage_http_requests_total',
    help: 'Requests that were answered, or given up by their clients (status 499)',
    labelNames: ['route', 'method', 'status'],
    registers,
  })
  const errors = new prometheus.Counter({
    name: 'lovage_http_errors_total',
    help: 'Answers that tell of an error, by its code: refusals (OVERLOADED, HOST_REFUSED, ...) and failures',
    labelNames: ['code'],
    registers,
  })
  const histogram = (name: string, help: string, label: string): Histogram => {
    return new prometheus.Histogram({ name, help, labelNames: [label], buckets: BUCKETS, registers })
  }
  const durations = histogram('lovage_http_request_duration_seconds', 'From a request to its answer', 'route')
  const queued = histogram(
    'lovage_task_queue_seconds',
    'What requests with a result waited beside the run of the task: the way there, the queue, the way back',
    'task',
  )
  const ran = histogram('lovage_task_run_seconds', 'How long tasks ran that requests waited for', 'task')
  const gauge = (name: string, help: string, value: () => number): void => {
    registry.registerMetric(new prometheus.Gauge({ name, help, registers: [], collect: collector(value) }))
  }
  gauge('lovage_http_requests_in_flight', 'Requests that wait for a task now', inFlight)
  gauge('lovage_tasks_sent', 'Tasks that this process has sent since it began', () => app.counts().sent)
  gauge('lovage_tasks_not_sent', 'Tasks that this process could not send since it began', () => app.counts().failed)

  const observe = ({ route = 'none', method, status, totalMs, error, task, runMs }: Exchange): void => {
    requests.inc({ route, method: METHODS.has(method) ? method : 'other', status })
    durations.observe({ route }, totalMs / 1000)
    if (error !== undefined) errors.inc({ code: error })
    if (task === undefined || runMs === undefined) return
    ran.observe({ task }, runMs / 1000)
    queued.observe({ task }, Math.max(0, totalMs - runMs) / 1000)
  }
  return { registry, observe }
}

/** Asked for when somebody looks, and not before. */
function collector(value: () => number): (this: { set(value: number): void }) => void {
  return function () {
    this.set(value())
  }
}
