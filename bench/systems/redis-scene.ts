import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { BenchCase, BenchOptions, Figure, LeftOut } from '../case.ts'
import { peerPath } from '../optional-peers.ts'
import { CelerySystem } from './celery.ts'
import { CpuMeter } from './cpu-meter.ts'
import { listenersOn } from './listeners.ts'
import type { QueueUserOptions } from './queue-user.ts'

/** Databases of one server, so that settings, disk and neighbours are the same for all. */
const [OURS, BULLMQ, CELERY, CELERY_RESULTS] = [0, 1, 2, 3]

/** Lovage, BullMQ and Celery on one Redis. */
export interface RedisScene {
  readonly tiny: boolean
  readonly port: number
  /** Of our database, and of Celery's. */
  readonly url: string
  readonly celeryUrl: string
  readonly meter: CpuMeter
  /** How a process of BullMQ is started, for both; undefined where it is not installed. */
  readonly bullmq: QueueUserOptions | undefined
  /** What bench/peers/bullmq-worker.mjs is started with. */
  readonly bullmqWorker: readonly string[] | undefined
  readonly celery: CelerySystem | undefined
}

/**
 * A case on a Redis with an append-only file, written once a second: what both of the others are run with where a loss
 * matters.
 */
export function redisCase(measure: (scene: RedisScene) => Promise<Figure[]>): BenchCase {
  return async ({ tiny }: BenchOptions) => {
    if (!hasService('redis')) return [{ what: 'Redis', leftOut: 'no Redis on this machine' }]
    const node = await RedisNode.start(['--appendfsync', 'everysec'])
    const rows: (Figure | LeftOut)[] = []
    const path = peerPath('bullmq')
    const given = path && [path, String(node.port), String(BULLMQ)]
    if (!given) rows.push({ what: 'Redis beside BullMQ', leftOut: 'bullmq is not installed' })
    const celeryUrl = node.url(CELERY)
    const urls = { broker: celeryUrl, backend: node.url(CELERY_RESULTS) }
    const celery = hasService('celery') ? await CelerySystem.open(urls) : undefined
    if (!celery) rows.push({ what: 'Redis beside Celery', leftOut: 'no Celery on this machine' })
    try {
      const server = listenersOn(node.port)
      const scene: RedisScene = {
        tiny,
        port: node.port,
        url: node.url(OURS),
        celeryUrl,
        meter: new CpuMeter(() => server),
        bullmq: given ? { peer: 'bullmq-user', args: given } : undefined,
        bullmqWorker: given || undefined,
        celery,
      }
      rows.push(...(await measure(scene)))
      return rows
    } finally {
      await celery?.close()
      await node.remove()
    }
  }
}
