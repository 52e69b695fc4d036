import { Redis } from 'ioredis'
import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { BenchCase, BenchOptions, Figure, LeftOut } from '../case.ts'
import { optionalPeer } from '../optional-peers.ts'
import { openBullmq } from '../peers/bullmq.mjs'
import { CelerySystem } from './celery.ts'
import { CpuMeter } from './cpu-meter.ts'

/** Databases of one server, so that settings, disk and neighbours are the same for all. */
const [OURS, BULLMQ, CELERY, CELERY_RESULTS] = [0, 1, 2, 3]

/** Lovage, BullMQ and Celery on one Redis. */
export interface RedisScene {
  readonly tiny: boolean
  readonly port: number
  /** Of our database, and of Celery's. */
  readonly url: string
  readonly celeryUrl: string
  readonly bullmqDatabase: number
  readonly meter: CpuMeter
  readonly bullmq: Awaited<ReturnType<typeof openBullmq>> | undefined
  readonly celery: CelerySystem | undefined
}

/** This process. */
export const SELF = (): readonly number[] => [process.pid]

/**
 * A case on a Redis with an append-only file, written once a second: what both of the others are run with where a loss
 * matters.
 */
export function redisCase(measure: (scene: RedisScene) => Promise<Figure[]>): BenchCase {
  return async ({ tiny }: BenchOptions) => {
    if (!hasService('redis')) return [{ what: 'Redis', leftOut: 'no Redis on this machine' }]
    const node = await RedisNode.start(['--appendfsync', 'everysec'])
    const asker = new Redis({ port: node.port })
    const rows: (Figure | LeftOut)[] = []
    const package_ = await optionalPeer('bullmq')
    const bullmq = package_ ? await openBullmq(package_, node.port, BULLMQ) : undefined
    if (!bullmq) rows.push({ what: 'Redis beside BullMQ', leftOut: 'bullmq is not installed' })
    const celeryUrl = node.url(CELERY)
    const urls = { broker: celeryUrl, backend: node.url(CELERY_RESULTS) }
    const celery = hasService('celery') ? await CelerySystem.open(urls) : undefined
    if (!celery) rows.push({ what: 'Redis beside Celery', leftOut: 'no Celery on this machine' })
    try {
      const pid = Number(/process_id:(\d+)/.exec(await asker.info('server'))?.[1])
      const meter = new CpuMeter(() => [pid])
      const { port } = node
      const url = node.url(OURS)
      rows.push(...(await measure({ tiny, port, url, celeryUrl, bullmqDatabase: BULLMQ, meter, bullmq, celery })))
      return rows
    } finally {
      asker.disconnect()
      await bullmq?.close()
      await celery?.close()
      await node.remove()
    }
  }
}
