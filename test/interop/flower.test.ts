import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { currentTask, lovage } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

const files = { 'flower_calls.py': readFileSync(new URL('flower-calls.py', import.meta.url), 'utf8') }

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/flower/${name}.json`, import.meta.url), 'utf8'))

type Json = Record<string, unknown>

/** What flower-calls.py tells. */
interface Told {
  readonly info: Json
  readonly row: Json
  readonly success: Json
  readonly failure: Json
  readonly later: Json
  readonly counter: Record<string, number>
  readonly replies: Record<string, Json>
}

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

/** Our worker, asked all that Flower asks, in the order of its captured calls. */
async function replay(broker: string, backend: string): Promise<{ told: Told; node: string }> {
  const app = lovage('check', { broker, backend, resultExpires: '10m', ...PATIENT }, { env: {} })
  app.task('check.add', (x: number, y: number) => x + y)
  app.task('check.fail', (message: string) => {
    throw new RangeError(message)
  })
  app.task('check.sleep', (seconds: number) => sleep(systemClock, seconds * 1_000, currentTask().signal))
  const made = worker(app, { concurrency: 2, events: true, hostname: 'w1' })
  await made.start()
  try {
    const env = { BROKER: broker, BACKEND: backend, WORKER: made.hostname }
    const python = startPython(['flower_calls.py'], { files, env })
    const line = await python.line(/^FLOWER /, { timeoutMs: 90_000 })
    await python.ended()
    return { told: JSON.parse(line.slice('FLOWER '.length)) as Told, node: made.hostname }
  } finally {
    await made.stop()
    await app.close()
  }
}

/** Each member of the captured answer is there in ours, and is of the same kind; null stands for any. */
function expectShape(ours: unknown, captured: unknown, path = '$'): void {
  if (captured === null || ours === null) return
  const kind = Array.isArray(captured) ? 'list' : typeof captured
  expect(Array.isArray(ours) ? 'list' : typeof ours, path).toBe(kind)
  if (kind !== 'object') return
  for (const [key, value] of Object.entries(captured as Json)) {
    expect(ours, path).toHaveProperty([key])
    expectShape((ours as Json)[key], value, `${path}.${key}`)
  }
}

function expectAnswers({ told }: { told: Told; node: string }): void {
  const [captured] = Object.values(fixture('api-workers') as Record<string, Json>) as [Json]
  const { conf, timestamp: _, ...methods } = captured
  const { stats, ...lists } = methods as { stats: Json }
  // Which tasks it counted, and what its pool has beside its size, is each worker's own.
  const { total: __, pool, ...facts } = stats
  expectShape(told.info, lists)
  expectShape(told.info['stats'], facts, '$.stats')
  expect((told.info['stats'] as Json)['total']).toEqual({ 'check.add': 1, 'check.fail': 1, 'check.sleep': 1 })
  expect((told.info['stats'] as { pool: Json }).pool).toMatchObject({
    'max-concurrency': (pool as Json)['max-concurrency'],
  })
  expect(Object.keys(told.info['conf'] as Json)).toEqual(
    expect.arrayContaining(
      Object.keys(conf as Json).filter((name) => /broker_url|result_backend|result_expires/.test(name)),
    ),
  )
  const [active] = told.info['active'] as [Json]
  const [scheduled] = told.info['scheduled'] as [{ request: Json }]
  const [wanted] = lists['active' as never] as [Json]
  expectShape(active, wanted, '$.active[0]')
  expectShape(scheduled, (lists['scheduled' as never] as [Json])[0], '$.scheduled[0]')
  expect(told.info['registered']).toEqual(expect.arrayContaining(['check.add', 'check.fail', 'check.sleep']))

  const { data } = fixture('page-workers-json') as { data: [Json] }
  // Here the worker was there before who listens, and says its own name.
  const { hostname: ___, 'worker-online': ____, ...row } = data[0]
  expectShape(told.row, row, '$.row')
  expectShape(told.success, fixture('api-task-info-success'), '$.success')
  expectShape(told.failure, fixture('api-task-info-failure'), '$.failure')
  expect(told.success).toMatchObject({ args: '(2, 3)', kwargs: '{}', result: '5', name: 'check.add', state: 'SUCCESS' })
  expect(told.failure).toMatchObject({ state: 'FAILURE', exception: expect.stringContaining('boom') })
  expect(told.counter).toMatchObject({ 'task-succeeded': 1, 'task-failed': 1, 'task-revoked': 1, 'worker-offline': 1 })

  expect(told.replies).toMatchObject({
    grow: { ok: 'pool will grow' },
    shrink: { ok: 'pool will shrink' },
    autoscale: { error: expect.stringContaining('Autoscale not enabled') },
    restart: { error: expect.stringContaining('Pool restarts not enabled') },
    add_consumer: { ok: 'add consumer x' },
    cancel_consumer: { ok: 'no longer consuming from x' },
    rate_limit: { ok: 'new rate limit set successfully' },
    rate_limit_unknown: { error: 'unknown task' },
    time_limit: { ok: 'time limits set successfully' },
  })
}

describeWith(['rabbitmq', 'redis', 'celery'], "Flower's calls to our worker", () => {
  test('have its answers over RabbitMQ', async () => {
    expectAnswers(await replay(await brokerUrl(import.meta.url), redis.url(2)))
  })
  test('and over Redis', async () => {
    expectAnswers(await replay(redis.url(0), redis.url(1)))
  })
})
