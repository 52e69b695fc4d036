import { worstLag } from '../../base/lag.ts'
import { redactUrl } from '../../base/redact.ts'
import { schemeOf } from '../../base/url.ts'
import type { Commands, Panel } from './panel.ts'

/** What a worker has done and has in hand, as Celery's `Worker.stats` has it. */
function stats(panel: Panel): unknown {
  const { app, clock, options, steering, tally } = panel
  const { range, reading } = steering
  return {
    total: Object.fromEntries(tally.totals),
    pid: process.pid,
    clock: String(app.lamport.value),
    uptime: Math.floor((clock.monotonic() - steering.startedAtMs) / 1000),
    pool: poolOf(panel),
    broker: brokerOf(app.settings.broker, app.settings.connectTimeoutMs),
    prefetch_count: steering.prefetch,
    rusage: usage(),
    ...(range && {
      autoscaler: { ...range, current: steering.pools[0]?.size ?? 0, qty: tally.counts.started },
    }),
    hostname: options.hostname,
    // Ours alone: what it takes now (`maxrss` is the most that it ever took), and how late its event loop is.
    lovage: { rss: process.memoryUsage.rss(), loop_lag_ms: lagOf(panel) },
    // What it was told to read no more.
    ...(reading.stopped.length > 0 && { paused_queues: reading.stopped }),
  }
}

/** p99 of the last minute, of the worst of its pools; null: it is not measured. */
function lagOf({ steering }: Panel): number | null {
  return worstLag(steering.pools.map(({ lag }) => lag))?.p99Ms ?? null
}

function poolOf({ options, steering }: Panel): Readonly<Record<string, unknown>> {
  const [pool] = steering.pools
  const { timeLimitMs, softTimeLimitMs, maxTasksPerChild } = options
  return {
    implementation: `lovage:${options.pool}`,
    'max-concurrency': pool?.size ?? options.concurrency,
    processes: pool?.pids ?? [process.pid],
    'max-tasks-per-child': maxTasksPerChild ?? 'N/A',
    'put-guarded-by-semaphore': false,
    timeouts: [(softTimeLimitMs ?? 0) / 1000, (timeLimitMs ?? 0) / 1000],
    running: steering.pools.reduce((sum, { running }) => sum + running, 0),
  }
}

/** The broker without its password. */
function brokerOf(broker: string, connectTimeoutMs: number): Readonly<Record<string, unknown>> {
  const url = URL.canParse(broker) ? new URL(redactUrl(broker)) : undefined
  const scheme = schemeOf(broker) ?? ''
  const isAmqp = scheme.startsWith('amqp')
  const path = decodeURIComponent(url?.pathname.slice(1) ?? '')
  const ports: Readonly<Record<string, number>> = { amqp: 5672, amqps: 5671, redis: 6379, rediss: 6379 }
  return {
    hostname: url?.hostname || null,
    userid: url?.username ? decodeURIComponent(url.username) : isAmqp ? 'guest' : null,
    virtual_host: path || (isAmqp ? '/' : null),
    port: url?.port ? Number(url.port) : (ports[scheme] ?? null),
    insist: false,
    ssl: scheme === 'amqps' || scheme === 'rediss',
    transport: scheme,
    connect_timeout: connectTimeoutMs / 1000,
    transport_options: {},
    login_method: isAmqp ? 'PLAIN' : null,
    uri_prefix: null,
    heartbeat: isAmqp ? 60 : 0,
    failover_strategy: 'round-robin',
    alternates: [],
  }
}

/** Under the names of `getrusage(2)`; what Node does not tell is 0, as on Linux it is anyway. */
function usage(): Readonly<Record<string, number>> {
  const used = process.resourceUsage()
  return {
    utime: used.userCPUTime / 1e6,
    stime: used.systemCPUTime / 1e6,
    maxrss: used.maxRSS,
    ixrss: used.sharedMemorySize,
    idrss: used.unsharedDataSize,
    isrss: used.unsharedStackSize,
    minflt: used.minorPageFault,
    majflt: used.majorPageFault,
    nswap: used.swappedOut,
    inblock: used.fsRead,
    oublock: used.fsWrite,
    msgsnd: used.ipcSent,
    msgrcv: used.ipcReceived,
    nsignals: used.signalsCount,
    nvcsw: used.voluntaryContextSwitches,
    nivcsw: used.involuntaryContextSwitches,
  }
}

/** How a worker does. */
export const STATS: Commands = { stats: { run: stats } }
