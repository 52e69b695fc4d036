import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { listDead } from '../../src/broker/dead-letters.ts'
import { type App, lovage } from '../../src/index.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

const files = { 'interop.py': readFileSync(new URL('celery-app.py', import.meta.url), 'utf8') }
const patience = { timeout: '60s' } as const
const backends = { rabbitmq: 1, redis: 3 } as const

for (const kind of ['rabbitmq', 'redis'] as const) {
  describeWith(
    [kind, 'redis', 'celery'],
    `a queue on ${kind} that workers share of which each has its own tasks`,
    () => {
      const ends: (() => Promise<unknown>)[] = []
      afterEach(async () => {
        for (const end of ends.splice(0).toReversed()) await end()
      })

      const urls = async (): Promise<{ broker: string; backend: string }> => ({
        broker: kind === 'redis' ? redis.url(2) : await brokerUrl(import.meta.url),
        backend: redis.url(backends[kind]),
      })

      const python = async (queue: string): Promise<void> => {
        const { broker, backend } = await urls()
        const args = ['-m', 'celery', '-A', 'interop', 'worker', '-c', '2', '-Q', queue, '-l', 'INFO']
        const env = { BROKER: broker, BACKEND: backend, QUEUE: queue }
        const child = startPython([...args, '-n', `${queue}@python`], { files, env })
        ends.push(() => child.kill())
        await child.line(/ ready\./, { timeoutMs: 60_000 })
      }

      const open = async (queue: string): Promise<App> => {
        const app = lovage('unknown', { ...(await urls()), defaultQueue: queue, ...PATIENT }, { env: {} })
        ends.push(() => app.close())
        app.task('ts.known', (n: number) => n + 1)
        return app
      }

      const start = async (app: App): Promise<Worker> => {
        const made = worker(app, { concurrency: 4, prefetch: 5 })
        ends.push(() => made.stop())
        await made.start()
        return made
      }

      test(
        'what only Python knows all runs there, and goes back no oftener than needed',
        { timeout: 180_000 },
        async () => {
          const queue = `shared-${kind}`
          const app = await open(queue)
          const made = await start(app)
          await python(queue)
          const sent = Array.from({ length: 60 }, (_, n) => app.sendTask<number>('py.add', [n, 1]))
          expect(await Promise.all(sent.map((one) => one.get(patience)))).toEqual(sent.map((_, n) => n + 1))
          const { broker } = await app.client()
          expect(await listDead(broker, queue)).toEqual([])
          // No hot loop: the pauses double, so that few come here more than a handful of times.
          expect(made.stats().received).toBeLessThan(60 * 8)
        },
      )

      test('what nobody of the queue knows ends among the dead letters', { timeout: 180_000 }, async () => {
        const queue = `lonely-${kind}`
        const app = await open(queue)
        await start(app)
        await python(`elsewhere-${kind}`)
        const known = app.sendTask('ts.known', [1])
        const unread = app.sendTask('py.add', [1, 2])
        const unknown = app.sendTask('nobody.knows', [])
        expect(await known.get(patience)).toBe(2)
        for (const one of [unread, unknown]) {
          await expect(one.get(patience)).rejects.toMatchObject({ excType: 'NotRegistered' })
        }
        const { broker } = await app.client()
        await expect
          .poll(
            async () => (await listDead(broker, queue)).map(({ task, reason }) => `${task} ${reason.code}`).toSorted(),
            {
              timeout: 60_000,
            },
          )
          .toEqual(['nobody.knows TASK_UNKNOWN', 'py.add TASK_UNKNOWN'])
      })
    },
  )
}
