import type { Slot, WorkerDetail, WorkerList, WorkerRow } from '../../src/dashboard/api.ts'
import { drawing, taskId, HARMFUL } from './task-facts.ts'

const GIB = 2 ** 30

/** Tasks in slots: mostly quick ones, some that have been running for a while. */
function slots(random: () => number, now: number, names: readonly string[], count: number): Slot[] {
  return Array.from({ length: count }, () => {
    const isLong = random() < 0.15
    return {
      id: taskId(random),
      name: names[Math.floor(random() ** 2 * names.length)] ?? 'shop.add',
      sinceMs: now - Math.floor(random() * (isLong ? 90_000 : 2_500)),
    }
  })
}

const beats = (random: () => number, missing: number, gone = 0): (0 | 1)[] =>
  Array.from({ length: 60 }, (_, index) => (index >= 60 - gone || random() < missing ? 0 : 1))

/** Four workers of ours, one of Python's, one that has left; one name tries to be more than a name. */
export function workers(now: number): WorkerList {
  const random = drawing(7)
  const row = (name: string, given: Partial<WorkerRow>): WorkerRow => ({
    name,
    status: 'online',
    software: 'lovage',
    version: '0.1.0',
    pid: 4000 + Math.floor(random() * 900),
    pool: 'async',
    slots: 100,
    active: [],
    reserved: 0,
    scheduled: 0,
    processed: 0,
    succeeded: 0,
    failed: 0,
    retried: 0,
    load: [0.42, 0.38, 0.31],
    rssBytes: 180 * 2 ** 20,
    loopLagMs: 2.1,
    queues: ['default'],
    upSinceMs: now - 3 * 86_400_000,
    heartbeats: beats(random, 0.01),
    autoscale: null,
    asOfMs: now - 700,
    ...given,
  })
  return {
    asOfMs: now - 700,
    workers: [
      row('celery@w1', {
        active: slots(random, now, ['shop.add', 'shop.price', 'shop.stock', 'mail.render'], 61),
        reserved: 12,
        processed: 1_284_310,
        succeeded: 1_283_002,
        failed: 1_117,
        retried: 191,
      }),
      row('celery@w2', {
        pool: 'processes',
        slots: 8,
        active: slots(random, now - 20_000, ['mail.send', 'mail.render'], 8),
        reserved: 8,
        scheduled: 4,
        processed: 96_310,
        succeeded: 94_001,
        failed: 1_284,
        retried: 1_025,
        load: [3.94, 3.71, 3.2],
        rssBytes: 1.1 * GIB,
        loopLagMs: 48,
        queues: ['mail', 'mail.bulk'],
        heartbeats: beats(random, 0.08),
        autoscale: { min: 4, max: 12 },
      }),
      row('celery@w3', {
        pool: 'threads',
        slots: 16,
        active: slots(random, now, ['reports.year'], 1),
        processed: 812,
        succeeded: 812,
        load: [0.05, 0.07, 0.1],
        rssBytes: 96 * 2 ** 20,
        loopLagMs: 0.8,
        queues: ['reports'],
      }),
      row('celery@gpu-1', {
        software: 'py-celery',
        version: '5.2.6',
        pool: 'prefork',
        slots: 16,
        active: slots(random, now - 60_000, ['ml.train', 'ml.embed'], 11),
        reserved: 3,
        scheduled: 1,
        processed: 40_112,
        succeeded: 39_870,
        failed: 242,
        load: [11.2, 10.8, 9.7],
        rssBytes: null,
        loopLagMs: null,
        queues: ['gpu'],
      }),
      row(`celery@${HARMFUL}`, {
        status: 'offline',
        slots: 4,
        pool: 'processes',
        processed: 9,
        succeeded: 9,
        load: null,
        rssBytes: null,
        loopLagMs: null,
        queues: ['default', HARMFUL],
        heartbeats: beats(random, 0.02, 21),
        asOfMs: now - 372_000,
        staleBecause: 'no heartbeat for 6 min',
      }),
    ],
  }
}

/** All of one worker, as `GET workers/:name` answers. */
export function worker(now: number, name: string): WorkerDetail | undefined {
  const found = workers(now).workers.find((each) => each.name === name)
  return (
    found && {
      ...found,
      prefetch: 16,
      tasks: [
        { name: 'mail.render', rateLimit: null, timeLimitMs: 30_000, softTimeLimitMs: 20_000 },
        { name: 'mail.send', rateLimit: '100/m', timeLimitMs: 60_000, softTimeLimitMs: null },
        { name: 'mail.unsubscribe', rateLimit: null, timeLimitMs: null, softTimeLimitMs: null },
        { name: 'shop.add', rateLimit: null, timeLimitMs: null, softTimeLimitMs: null },
        { name: HARMFUL, rateLimit: null, timeLimitMs: null, softTimeLimitMs: null },
      ],
      stats: {
        clock: '481022',
        uptime: 259_200,
        prefetch_count: 16,
        total: { 'mail.send': 80_112, 'mail.render': 16_198 },
        pool: { 'max-concurrency': 8, processes: [4411, 4412, 4413, 4414, 4415, 4416, 4417, 4418], timeouts: [60, 30] },
        broker: { hostname: 'rabbit.internal', port: 5672, transport: 'amqp', userid: 'lovage' },
      },
      conf: {
        broker_url: 'amqp://lovage:********@rabbit.internal//',
        result_backend: 'redis://redis.internal/0',
        task_acks_late: true,
        task_default_queue: 'default',
        worker_concurrency: 8,
      },
    }
  )
}
