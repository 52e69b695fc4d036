import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { type App, currentTask, lovage } from '../../src/index.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { bothWays } from './both-ways.ts'
import { PATIENT } from '../services/patience.ts'

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

bothWays('Python Celery over Redis with results in Redis', ['redis'], async () => ({
  broker: redis.url(0),
  backend: redis.url(1),
}))

bothWays('Python Celery over RabbitMQ with results in Redis', ['rabbitmq', 'redis'], async () => ({
  broker: await brokerUrl(import.meta.url),
  backend: redis.url(2),
}))

describeWith(['redis', 'celery'], 'a queue that Python and Lovage workers share', () => {
  const ends: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })

  const files = { 'interop.py': readFileSync(new URL('celery-app.py', import.meta.url), 'utf8') }

  const python = async (queue: string, env: Record<string, string> = {}): Promise<Child> => {
    const args = ['-m', 'celery', '-A', 'interop', 'worker', '-c', '1', '-P', 'solo', '-Q', queue, '-l', 'INFO']
    const urls = { BROKER: redis.url(3), BACKEND: redis.url(4), QUEUE: queue }
    const child = startPython(args, { files, env: { ...urls, ...env } })
    ends.push(() => child.kill())
    await child.line(/ ready\./, { timeoutMs: 60_000 })
    return child
  }

  const open = (queue: string, query = ''): App => {
    const app = lovage('shared', {
      broker: redis.url(3) + query,
      backend: redis.url(4),
      defaultQueue: queue,
      ...PATIENT,
    })
    ends.push(() => app.close())
    app.task('shared.who', async () => {
      await sleep(systemClock, 20)
      return 'lovage'
    })
    app.task('shared.hold', () => currentTask().delivery.redelivered)
    return app
  }

  const start = async (app: App): Promise<Worker> => {
    const made = worker(app, { concurrency: 1, prefetch: 2 })
    ends.push(() => made.stop())
    await made.start()
    return made
  }

  test('is worked off by both', async () => {
    const app = open('shared')
    await python('shared')
    await start(app)
    // One that is held up leaves the first of them to the other.
    const some = async (): Promise<string[]> => {
      const sent = await Promise.all(Array.from({ length: 80 }, () => app.sendTask<string>('shared.who', [])))
      return [...new Set(await Promise.all(sent.map((result) => result.get({ timeout: '60s' }))))].toSorted()
    }
    await expect.poll(some).toEqual(['lovage', 'python'])
  })

  test('loses nothing when a Python worker is killed: ours restores what it held, after the visibility timeout', async () => {
    const app = open('killed', '?visibility_timeout=2')
    const theirs = await python('killed', { VISIBILITY: '2' })
    const result = await app.sendTask<boolean>('shared.hold', [])
    await theirs.line('HOLDING', { timeoutMs: 60_000 })
    await theirs.kill()
    await start(app)
    // What it returns is whether its message came as a redelivery.
    expect(await result.get({ timeout: '60s' })).toBe(true)
  })
})
