import { hasService } from '../../scripts/services.mjs'
import { removeFolder, temporaryFolder } from '../../test/services/reaper.ts'
import { RabbitmqNode } from '../../test/services/rabbitmq-node.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { LeftOut } from '../case.ts'
import { listenersOn } from './listeners.ts'

/** A broker that tasks wait in, and whose results come back over it. */
export interface Place {
  readonly name: 'embedded' | 'memory' | 'RabbitMQ' | 'Redis'
  readonly url: string
  /** Its processes; none where it is a part of those who use it. */
  readonly server: readonly number[]
  close(): Promise<void>
}

/** What a place is opened with: a RabbitMQ that is there. */
export interface PlaceOptions {
  readonly amqpUrl: string | undefined
}

/** Lets `measure` have every broker of this machine, one after the other, and tells which it has not. */
export async function inEachPlace<Row>(
  what: string,
  { amqpUrl }: PlaceOptions,
  measure: (place: Place) => Promise<readonly Row[]>,
): Promise<(Row | LeftOut)[]> {
  const rows: (Row | LeftOut)[] = []
  for (const open of [embeddedPlace, () => rabbitmqPlace(amqpUrl), redisPlace]) {
    const place = await open()
    if (typeof place === 'string') {
      rows.push({ what: `${what}, ${place}`, leftOut: `no ${place} on this machine` })
      continue
    }
    try {
      rows.push(...(await measure(place)))
    } finally {
      await place.close()
    }
  }
  return rows
}

/** Durable, fsync on, in a folder of its own. */
export async function embeddedPlace(): Promise<Place> {
  const home = temporaryFolder('bench-embedded')
  return { name: 'embedded', url: `embedded://${home}`, server: [], close: async () => removeFolder(home) }
}

/** In the process of who uses it, and nowhere else. */
export async function memoryPlace(): Promise<Place> {
  return { name: 'memory', url: 'memory://bench', server: [], close: async () => {} }
}

/** The RabbitMQ of the run, whose owner ends it. */
export async function rabbitmqPlace(amqpUrl: string | undefined): Promise<Place | 'RabbitMQ'> {
  if (!amqpUrl) return 'RabbitMQ'
  return { name: 'RabbitMQ', url: amqpUrl, server: listenersOn(Number(new URL(amqpUrl).port)), close: async () => {} }
}

/** Another of the same kind, which holds nothing that is in the first. */
export async function anotherPlace({ name }: Place): Promise<Place> {
  if (name === 'embedded') return embeddedPlace()
  if (name === 'RabbitMQ') {
    const node = await RabbitmqNode.start()
    return { name, url: node.url(), server: listenersOn(node.port), close: () => node.remove() }
  }
  const place = await redisPlace()
  if (typeof place === 'string') throw new Error(`no ${place} on this machine`)
  return place
}

/** With an append-only file that is written once a second. */
export async function redisPlace(): Promise<Place | 'Redis'> {
  if (!hasService('redis')) return 'Redis'
  const node = await RedisNode.start(['--appendfsync', 'everysec'])
  return { name: 'Redis', url: node.url(), server: listenersOn(node.port), close: () => node.remove() }
}
