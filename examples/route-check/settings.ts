// Settings of celeryconfig.py, by `lovage migrate`.
import { availableParallelism } from 'node:os'
import type { GivenSettings } from 'lovage'

export const settings: GivenSettings = {
  broker: 'amqp://checker:check-secret@127.0.0.1:5672/checks',
  backend: 'redis://:result-secret@127.0.0.1:6379/3',
  publishTimeout: '45s',
  queues: [
    {
      name: 'common_check',
      exchange: { name: 'common', type: 'direct', deliveryMode: 2 },
      routingKey: 'common.check',
    },
    {
      name: 'common_report',
      exchange: { name: 'common', type: 'direct', deliveryMode: 2 },
      routingKey: 'common.report',
    },
    {
      name: 'common_archive',
      exchange: { name: 'common', type: 'direct' },
      routingKey: 'common.check',
    },
    {
      name: 'urgent_check',
      exchange: { name: 'urgent', type: 'direct' },
      routingKey: 'urgent.check',
    },
  ],
  routes: {
    'routes.check': { queue: 'common_check', exchange: 'common', routingKey: 'common.check' },
    'routes.report': { queue: 'common_report', routingKey: 'common.report' },
    'routes.alarm': { queue: 'urgent_check', routingKey: 'urgent.check' },
  },
  defaultQueue: 'common_check',
  defaultExchange: 'common',
  defaultExchangeType: 'direct',
  defaultRoutingKey: 'common.check',
  timezone: 'Asia/Shanghai',
  enableUtc: true,
  taskSerializer: 'json',
  resultSerializer: 'json',
  acceptContent: ['json'],
  acksLate: true,
  worker: {
    prefetchMultiplier: 1,
    disableRateLimits: true,
    concurrency: Math.max(1, Math.floor(availableParallelism() / 2)),
    poolRestarts: false,
  },
}
