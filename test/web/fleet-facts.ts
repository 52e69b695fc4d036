import type { Bucket, Overview, Session } from '../../src/dashboard/api.ts'
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
