import type { DeadList, QueueList, QueueRow } from '../../src/dashboard/api.ts'
import { drawing, taskId, HARMFUL } from './task-facts.ts'

const WAIT_BUCKETS_MS = [10, 50, 100, 500, 1_000, 5_000, 15_000, 60_000, 300_000]
const SAMPLES = 360

/** Depths of an hour: a walk around what `level` says of each moment (0: an hour ago, 1: now). */
function depths(random: () => number, level: (at: number) => number): (number | null)[] {
  return Array.from({ length: SAMPLES }, (_, index) => {
    const at = index / SAMPLES
    // Nobody looked for some minutes.
    if (at > 0.3 && at < 0.335) return null
    return Math.max(0, Math.round(level(at) * (0.75 + random() * 0.5)))
  })
}

/** Counts of an hour of waits, around the bucket that `middle` names for each moment. */
function waits(random: () => number, rate: number, middle: (at: number) => number): number[][] {
  return Array.from({ length: 12 }, (_, column) =>
    Array.from({ length: WAIT_BUCKETS_MS.length + 1 }, (_, bucket) =>
      Math.round(rate * 300 * Math.exp(-((bucket - middle(column / 12)) ** 2) / 1.6) * (0.6 + random() * 0.5)),
    ),
  )
}

export function queues(now: number): QueueList {
  const random = drawing(11)
  const row = (name: string, given: Partial<QueueRow>): QueueRow => ({
    name,
    ready: 0,
    unacked: 0,
    consumers: 1,
    delayed: 0,
    dead: 0,
    oldestMs: null,
    inRate: 0,
    outRate: 0,
    drainMs: 0,
    workers: [],
    depths: depths(random, () => 0),
    waits: waits(random, 0, () => 0),
    ...given,
  })
  return {
    asOfMs: now - 900,
    waitBucketsMs: WAIT_BUCKETS_MS,
    cannot: {},
    queues: [
      row('default', {
        ready: 18,
        unacked: 61,
        consumers: 1,
        oldestMs: 210,
        inRate: 312,
        outRate: 311,
        drainMs: 60,
        workers: ['celery@w1'],
        depths: depths(random, (at) => 16 + 12 * Math.sin(at * 9)),
        waits: waits(random, 300, (at) => 1.6 + Math.sin(at * 9) * 0.6),
      }),
      row('mail', {
        ready: 940,
        unacked: 16,
        consumers: 1,
        delayed: 37,
        dead: 4,
        oldestMs: 252_000,
        inRate: 43,
        outRate: 31,
        drainMs: null,
        workers: ['celery@w2'],
        depths: depths(random, (at) => (at < 0.55 ? 12 : 12 + (at - 0.55) * 2_060)),
        waits: waits(random, 35, (at) => (at < 0.5 ? 2.4 : 2.4 + (at - 0.5) * 12)),
      }),
      row('mail.bulk', {
        ready: 12_480,
        unacked: 0,
        consumers: 0,
        oldestMs: 3_810_000,
        inRate: 2.4,
        outRate: 0,
        drainMs: null,
        depths: depths(random, (at) => 11_000 + at * 1_500),
      }),
      row('reports', {
        unacked: 1,
        inRate: 0.9,
        outRate: 0.9,
        workers: ['celery@w3'],
        depths: depths(random, (at) => (at % 0.2 < 0.03 ? 4 : 0)),
        waits: waits(random, 0.6, () => 3),
      }),
      row('gpu', {
        ready: 41,
        unacked: 14,
        oldestMs: 61_000,
        inRate: 0.4,
        outRate: 1.1,
        drainMs: 58_000,
        workers: ['celery@gpu-1'],
        depths: depths(random, (at) => 90 - at * 50),
        waits: waits(random, 0.9, (at) => 7 - at * 1.5),
      }),
      row(HARMFUL, { ready: null, unacked: null, consumers: null, delayed: null, oldestMs: null, drainMs: null }),
    ],
  }
}

export function dead(now: number, queue: string): DeadList {
  const random = drawing(5)
  const letter = (task: string | null, code: string, message: string, bytes: number, isPoison = false) => ({
    id: task === null ? null : taskId(random),
    task,
    code,
    message,
    atMs: now - Math.floor(random() * 7_200_000),
    bytes,
    isPoison,
  })
  return {
    queue,
    total: 4,
    letters: [
      letter('mail.send', 'DELIVERIES_EXHAUSTED', 'The worker died 5 times while it ran this task', 412, true),
      letter('mail.send', 'DELIVERIES_EXHAUSTED', 'The worker died 5 times while it ran this task', 398, true),
      letter('mail.legacy', 'TASK_UNKNOWN', 'No worker of this queue knows a task of this name', 207),
      letter(null, 'BODY_UNDECODABLE', `Unexpected token in JSON: ${HARMFUL}`, 12),
    ],
  }
}
