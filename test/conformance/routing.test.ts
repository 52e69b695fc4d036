import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import type { GivenSettings } from '../../src/app/settings.ts'
import { type App, broadcast, currentTask, lovage } from '../../src/index.ts'
import { worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { PATIENT } from '../services/patience.ts'

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

const PLACES: readonly [string, readonly Need[], () => Promise<string> | string][] = [
  ['memory', [], () => 'memory://routing'],
  ['embedded', [], () => `embedded://${temporaryFolder('routing')}`],
  ['RabbitMQ', ['rabbitmq'], () => brokerUrl(import.meta.url)],
  ['Redis', ['redis'], () => redis.url(0)],
]

for (const [name, needs, meet] of PLACES) {
  describeWith(needs, `queues, exchanges and routes over ${name}`, () => {
    let broker: string
    const ends: (() => Promise<unknown>)[] = []
    beforeAll(async () => {
      broker = await meet()
    })
    afterAll(async () => {
      for (const end of ends.toReversed()) await end()
    })

    const open = (queues: NonNullable<GivenSettings['queues']>, routes = {}): App => {
      const app = lovage('routing', { broker, queues, routes, ...PATIENT }, { env: {} })
      ends.push(() => app.close())
      return app
    }

    const start = async (app: App, options: WorkerOptions): Promise<void> => {
      const made = worker(app, options)
      ends.push(() => made.stop())
      await made.start()
    }

    test('one worker does the work while another logs the same message', async () => {
      const queues = ['check', 'check_log'].map((queue) => ({ name: queue, exchange: 'checks', routingKey: 'check' }))
      const routes = { 'checks.*': { queue: 'check', exchange: 'checks', routingKey: 'check' } }
      const works = open(queues, routes)
      works.task('checks.host', (host: string) => `${host} is up`)
      const logs = open(queues, routes)
      const logged: unknown[] = []
      logs.task('checks.host', { ignoreResult: true }, (host: string) => void logged.push([currentTask().id, host]))
      await start(works, { queues: ['check'], hostname: 'works' })
      await start(logs, { queues: ['check_log'], hostname: 'logs' })
      const sent = await works.sendTask('checks.host', ['one'])
      expect(await sent.get({ timeout: '60s' })).toBe('one is up')
      await expect.poll(() => logged, { timeout: 60_000 }).toEqual([[sent.id, 'one']])
    })

    test('a topic exchange brings each task to the queues whose pattern it meets', async () => {
      const queues = [
        { name: 'pictures', exchange: 'media', exchangeType: 'topic', routingKey: 'picture.#' } as const,
        { name: 'small', exchange: 'media', exchangeType: 'topic', routingKey: '*.small' } as const,
      ]
      const seen: string[] = []
      for (const queue of ['pictures', 'small']) {
        const app = open(queues)
        app.task('media.look', { ignoreResult: true }, (what: string) => void seen.push(`${queue} ${what}`))
        await start(app, { queues: [queue], hostname: queue })
      }
      const caller = open(queues)
      for (const routingKey of ['picture.big', 'picture.small', 'sound.small'])
        await caller.sendTask('media.look', [routingKey], {}, { exchange: 'media', routingKey, ignoreResult: true })
      const all = ['pictures picture.big', 'pictures picture.small', 'small picture.small', 'small sound.small']
      await expect.poll(() => seen.toSorted(), { timeout: 60_000 }).toEqual(all)
    })

    test('a broadcast task runs in each worker', async () => {
      const queues = [broadcast('reload')]
      const ran: string[] = []
      for (const hostname of ['one', 'two', 'three']) {
        const app = open(queues, { 'config.reload': 'reload' })
        app.task('config.reload', { ignoreResult: true }, () => void ran.push(hostname))
        await start(app, { queues: ['reload'], hostname })
      }
      await open(queues, { 'config.reload': 'reload' }).sendTask('config.reload', [], {}, { ignoreResult: true })
      await expect.poll(() => ran.toSorted(), { timeout: 60_000 }).toEqual(['one', 'three', 'two'])
    })

    test('what is more urgent is run first', async () => {
      const app = open([{ name: 'urgent', maxPriority: 9 }])
      const ran: number[] = []
      app.task('urgent.do', (priority: number) => void ran.push(priority))
      const urgencies = [0, 3, 9, 6, 0, 9]
      const sent = await Promise.all(
        urgencies.map((priority) => app.sendTask('urgent.do', [priority], {}, { queue: 'urgent', priority })),
      )
      await start(app, { queues: ['urgent'], concurrency: 1, prefetch: 1, hostname: 'urgent' })
      await Promise.all(sent.map((result) => result.get({ timeout: '60s' })))
      expect(ran).toEqual([9, 9, 6, 3, 0, 0])
    })
  })
}

describeWith(['rabbitmq'], 'a quorum queue', () => {
  test('is declared, read, and its tasks run', async () => {
    const queues = [{ name: 'orders', exchange: 'orders', routingKey: 'orders', type: 'quorum' } as const]
    const app = lovage('routing', { broker: await brokerUrl(import.meta.url), queues, ...PATIENT }, { env: {} })
    app.task('orders.double', (value: number) => 2 * value)
    const made = worker(app, { queues: ['orders'], concurrency: 3 })
    await made.start()
    try {
      const values = await Promise.all(
        [1, 2, 3, 4, 5].map((value) =>
          app.sendTask<number>('orders.double', [value], {}, { queue: 'orders' }).get({ timeout: '60s' }),
        ),
      )
      expect(values).toEqual([2, 4, 6, 8, 10])
    } finally {
      await made.stop()
      await app.close()
    }
  })
})
