import type {
  AuditList,
  Bucket,
  GatewayList,
  JobList,
  Overview,
  ProcessList,
  QueueList,
  ScheduleList,
  Session,
  WorkerList,
} from '../../src/dashboard/api.ts'
import { drawing, HARMFUL } from './task-facts.ts'

export const SESSION: Session = {
  user: 'ana',
  role: 'admin',
  version: '0.1.0',
  has: { schedules: true, gateways: true, processes: true },
}

function buckets(nowMs: number): Bucket[] {
  const draw = drawing(11)
  return Array.from({ length: 120 }, (_, index) => {
    const load = 1_400 + 700 * Math.sin(index / 17) + draw() * 300
    const spike = index > 80 && index < 88 ? 400 : 0
    const failed = Math.round(draw() * 30 + spike)
    return {
      atMs: nowMs - (120 - index) * 30_000,
      sent: Math.round(load),
      started: Math.round(load),
      succeeded: Math.round(load - failed),
      failed,
      retried: Math.round(draw() * 60),
      revoked: 0,
    }
  })
}

export function overview(nowMs: number): Overview {
  return {
    asOfMs: nowMs,
    broker: 'amqp://rabbit.example',
    series: { stepMs: 30_000, buckets: buckets(nowMs) },
    rates: { sent: 355, started: 355, succeeded: 349, failed: 6.2, retried: 1.4 },
    flow: {
      senders: [
        { name: 'gateway', kind: 'gateway', rate: 312 },
        { name: 'beat', kind: 'beat', rate: 1 },
        { name: 'clients', kind: 'client', rate: 42 },
      ],
      queues: [
        { name: 'default', ready: 18, oldestMs: 200, rate: 311 },
        { name: 'mail', ready: 940, oldestMs: 252_000, rate: 43 },
        { name: 'reports', ready: 0, oldestMs: null, rate: 1 },
      ],
      workers: [
        { name: 'celery@w1', busy: 61, slots: 100, rate: 311, queues: ['default'] },
        { name: 'celery@w2', busy: 8, slots: 8, rate: 31, queues: ['mail'] },
        { name: 'celery@w3', busy: 1, slots: 16, rate: 13, queues: ['reports', 'mail'] },
      ],
    },
    attention: [
      { level: 'bad', text: 'Host web-07 is unreachable.', link: '/processes?host=web-07', sinceMs: nowMs - 180_000 },
      {
        level: 'warn',
        text: 'The oldest message of mail waits for 4m12s.',
        link: '/queues/mail',
        sinceMs: nowMs - 252_000,
      },
    ],
    failing: [
      { name: 'mail.send', error: 'TimeoutError', count: 212, share: 0.014 },
      { name: 'pdf.render', error: 'OSError', count: 9, share: 0.002 },
      { name: HARMFUL, error: HARMFUL, count: 1, share: 0.5 },
    ],
    next: [
      { schedule: 'cleanup', atMs: nowMs + 480_000 },
      { schedule: 'report', atMs: nowMs + 780_000 },
      { schedule: 'report', atMs: nowMs + 1_380_000 },
    ],
  }
}

export function workers(nowMs: number): WorkerList {
  const base = { asOfMs: nowMs, autoscale: null, scheduled: 0, upSinceMs: nowMs - 270_000_000, retried: 3 } as const
  const slot = (index: number, name: string) => ({
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    name,
    sinceMs: nowMs - index * 900,
  })
  return {
    asOfMs: nowMs,
    workers: [
      {
        ...base,
        name: 'celery@w1',
        status: 'online',
        software: 'lovage',
        version: '0.1.0',
        pid: 4_711,
        pool: 'async',
        slots: 100,
        active: Array.from({ length: 61 }, (_, index) => slot(index, index % 3 ? 'order.place' : 'mail.send')),
        reserved: 39,
        processed: 96_310,
        succeeded: 94_001,
        failed: 1_284,
        load: [0.42, 0.4, 0.39],
        rssBytes: 180_000_000,
        loopLagMs: 2.4,
        queues: ['default'],
        heartbeats: Array.from({ length: 60 }, () => 1 as const),
      },
      {
        ...base,
        name: 'celery@w2',
        status: 'online',
        software: 'py-celery',
        version: '5.6.3',
        pid: 812,
        pool: 'prefork',
        slots: 8,
        active: Array.from({ length: 8 }, (_, index) => slot(100 + index * 5, 'mail.send')),
        reserved: 16,
        processed: 4_021,
        succeeded: 3_800,
        failed: 212,
        load: [3.9, 3.7, 3.1],
        rssBytes: 1_100_000_000,
        loopLagMs: null,
        queues: ['mail'],
        heartbeats: Array.from({ length: 60 }, (_, index) => (index === 20 ? 0 : 1)),
        autoscale: { min: 4, max: 12 },
      },
      {
        ...base,
        name: 'celery@w4',
        status: 'offline',
        staleBecause: 'it was last heard 6 minutes ago',
        asOfMs: nowMs - 360_000,
        software: 'py-celery',
        version: '5.2.6',
        pid: 99,
        pool: 'prefork',
        slots: null,
        active: [],
        reserved: null,
        processed: null,
        succeeded: 12,
        failed: 0,
        load: null,
        rssBytes: null,
        loopLagMs: null,
        queues: [],
        heartbeats: Array.from({ length: 60 }, (_, index) => (index < 30 ? 1 : 0)),
      },
    ],
  }
}

export function queues(nowMs: number): QueueList {
  const draw = drawing(5)
  const one = (name: string, ready: number, inRate: number, outRate: number) => ({
    name,
    ready,
    unacked: Math.round(outRate / 5),
    consumers: name === 'reports' ? 0 : 1,
    delayed: 3,
    dead: name === 'mail' ? 4 : 0,
    oldestMs: ready > 100 ? 252_000 : ready > 0 ? 200 : null,
    inRate,
    outRate,
    drainMs: inRate > outRate ? null : 5_000,
    workers: name === 'reports' ? [] : ['celery@w1'],
    depths: Array.from({ length: 360 }, (_, index) => (index % 97 === 0 ? null : Math.round(ready * draw()))),
    waits: Array.from({ length: 12 }, () => Array.from({ length: 5 }, () => Math.round(draw() ** 3 * 900))),
  })
  return {
    asOfMs: nowMs,
    queues: [one('default', 18, 312, 311), one('mail', 940, 43, 31), one('reports', 0, 1, 1)],
    waitBucketsMs: [100, 1_000, 10_000, 60_000],
    cannot: { oldestMs: 'RabbitMQ does not tell the age of a message' },
  }
}

export function schedules(nowMs: number): ScheduleList {
  const entry = (name: string, schedule: string, everyMs: number, isPaused: boolean) => ({
    name,
    schedule,
    timezone: 'Asia/Shanghai',
    task: `${name}.run`,
    isPaused,
    isEnabled: true,
    isInCode: true,
    runs: 412,
    skipped: 1,
    failures: 2,
    last: { id: '11111111-0000-4000-8000-000000000001', atMs: nowMs - everyMs / 2, state: 'SUCCESS' },
    nextMs: isPaused ? null : nowMs + everyMs / 2,
    coming: isPaused ? [] : Array.from({ length: 20 }, (_, index) => nowMs + everyMs * (index + 0.5)),
    past: Array.from({ length: 20 }, (_, index) => ({
      id: `11111111-0000-4000-8000-${String(index).padStart(12, '0')}`,
      atMs: nowMs - everyMs * (index + 0.5),
      state: index === 4 ? 'FAILURE' : 'SUCCESS',
    })),
  })
  return {
    asOfMs: nowMs,
    schedules: [
      entry('cleanup', 'crontab 10 * * * *', 3_600_000, false),
      entry('report', 'every 15m', 900_000, false),
      entry('nightly', 'crontab 30 2 * * *', 86_400_000, true),
    ],
  }
}

export function gateways(nowMs: number): GatewayList {
  const route = (path: string, task: string, rate: number) => ({
    method: 'POST',
    path,
    task,
    rate,
    inFlight: Math.round(rate / 8),
    p50Ms: 18,
    p95Ms: 71,
    p99Ms: 140,
    statuses: { '200': 41_200, '503': 2 },
    refusals: { DEADLINE_HOPELESS: 2 },
  })
  return {
    asOfMs: nowMs,
    gateways: [
      {
        name: 'gateway@web-01',
        url: 'http://web-01:8000',
        status: 'online',
        inFlight: 37,
        routes: [route('/orders', 'order.place', 212), route('/mail', 'mail.send', 100)],
      },
    ],
  }
}

export function processes(nowMs: number): ProcessList {
  const one = (host: string, group: string, name: string, state: string) => ({
    host,
    group,
    name,
    state,
    description:
      state === 'RUNNING' ? 'pid 812, uptime 3 days, 4:11:02' : 'Exited too quickly (process log may have details)',
    pid: state === 'RUNNING' ? 812 : null,
    startMs: nowMs - 270_000_000,
    stopMs: null,
    exitStatus: state === 'FATAL' ? 1 : null,
    error: state === 'FATAL' ? HARMFUL : null,
    history: [
      { atMs: nowMs - 80_000_000, state: 'RUNNING' },
      { atMs: nowMs - 30_000_000, state: 'STARTING' },
      { atMs: nowMs - 29_900_000, state },
    ],
  })
  return {
    asOfMs: nowMs,
    hosts: [
      { name: 'web-01', tags: ['web'] },
      { name: 'web-02', tags: ['web'] },
      { name: 'web-07', tags: [], unreachable: { sinceMs: nowMs - 180_000, why: 'connect ETIMEDOUT' } },
    ],
    processes: [
      one('web-01', 'mail', 'mail_00', 'RUNNING'),
      one('web-01', 'mail', 'mail_01', 'RUNNING'),
      one('web-02', 'mail', 'mail_00', 'FATAL'),
      one('web-02', 'gateway', 'gateway', 'RUNNING'),
      one('web-07', 'mail', 'mail_00', 'UNKNOWN'),
    ],
  }
}

export function audit(nowMs: number): AuditList {
  return {
    entries: Array.from({ length: 40 }, (_, index) => ({
      atMs: nowMs - index * 61_000,
      user: index % 3 ? 'ana' : 'ben',
      from: '10.0.0.7',
      action: index % 2 ? 'task-revoke' : 'task-retry',
      target: index === 2 ? HARMFUL : `9f2c6e1a-0000-4000-8000-${String(index).padStart(12, '0')}`,
      options: index % 4 ? {} : { args: [1, 2] },
      outcome: index % 7 ? 'done' : 'refused',
      text: index % 7 ? 'Sent again.' : 'Who only views may not do this.',
    })),
  }
}

export function jobs(nowMs: number): JobList {
  return {
    jobs: [
      {
        id: 'job-1',
        title: 'Retry 12 tasks',
        by: 'ana',
        atMs: nowMs,
        isOver: false,
        items: [
          { target: 'web-01:mail:mail_00', status: 'done', text: 'restarted', tookMs: 1_200 },
          { target: 'web-01:mail:mail_01', status: 'running', text: null, tookMs: null },
          { target: 'web-02:mail:mail_00', status: 'queued', text: null, tookMs: null },
        ],
      },
    ],
  }
}
