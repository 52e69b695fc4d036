import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import { worker } from '../../src/worker/worker.ts'
import { describeWith } from '../services/available.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { RedisScene } from '../services/redis-scene.ts'
import { all, expected, lines, openApp, patient, running, turns, until } from './stream-scene.ts'
import { defineReport } from './stream-tasks.ts'

function anywhere(settings: () => GivenSettings): void {
  test('every reader gets all parts in order, here and elsewhere, early and late', patient, async () => {
    const given = settings()
    const app = openApp(given)
    const report = app.task('report.lines', lines)
    const result = await report.delay(1_000)
    const elsewhere = openApp(given).asyncResult<number, string>(result.id)
    const reading = [all(result.stream()), all(result.stream()), all(elsewhere.stream())]
    await running(app)
    for (const taken of await Promise.all(reading)) expect(taken).toEqual(expected(1_000))
    expect(await result.get()).toBe(1_000)
    expect(await all(result.stream())).toEqual(expected(1_000))
  })

  test('the slowest reader slows the task within its window', patient, async () => {
    const app = openApp(settings())
    let yielded = 0
    const counting = app.task('counting', { stream: { window: 8 } }, async function* (count: number) {
      while (yielded < count) yield ++yielded
    })
    const result = await counting.delay(100)
    const fast = all(result.stream())
    const slow = result.stream()
    const first = slow.next()
    await running(app)
    expect((await first).value).toBe(1)
    for (let part = 2; part < 40; part++) {
      expect((await slow.next()).value).toBe(part)
      await turns(5)
      expect(yielded).toBeLessThanOrEqual(part + 8 + 1)
    }
    expect((await all(slow)).at(-1)).toBe(100)
    expect(await fast).toHaveLength(100)
  })

  test('the last reader who leaves stops a task that is abandonable', patient, async () => {
    const app = openApp(settings())
    const ends: string[] = []
    const endless = app.task('endless', { abandonable: true, stream: { grace: 50 } }, async function* () {
      try {
        for (let part = 0; ; part++) yield part
      } finally {
        ends.push(currentTask().id)
      }
    })
    await running(app)
    const result = await endless.delay()
    for await (const part of result.stream()) if (part === 500) break
    await until(() => ends.length > 0)
    expect(ends).toEqual([result.id])
    expect(await result.outcome()).toMatchObject({ state: 'REVOKED' })
  })
}

describe('in one process', () => {
  anywhere(() => ({ broker: `memory://${randomUUID()}` }))
})
describe('embedded', () => {
  anywhere(() => ({ broker: `embedded://${temporaryFolder('streams')}` }))
})
describeWith(['redis'], 'in Redis', () => {
  const redis = new RedisScene({ isEmptied: true })
  anywhere(() => ({ broker: redis.url(0), backend: redis.url(1), store: redis.url(2) }))
})

test.each(['threads', 'processes'] as const)(
  'parts come out of children as they do from here, in pool %s',
  async (pool) => {
    const url = `embedded://${temporaryFolder('stream-pool')}`
    const before = process.env['LOVAGE_BROKER_URL']
    process.env['LOVAGE_BROKER_URL'] = url
    onTestFinished(() => {
      if (before === undefined) delete process.env['LOVAGE_BROKER_URL']
      else process.env['LOVAGE_BROKER_URL'] = before
    })
    const app = lovage('streams')
    const report = defineReport(app)
    onTestFinished(() => app.close())
    const service = worker(app, {
      gracePeriod: 0,
      pool,
      concurrency: 1,
      module: new URL('stream-tasks.ts', import.meta.url),
    })
    onTestFinished(() => service.stop())
    await service.start()
    const result = await report.delay(300)
    const parts = await all(result.stream())
    expect(parts).toHaveLength(300)
    expect(parts.at(-1)).toEqual({ line: 300, at: new Date(300) })
    expect((await result.get()) === process.pid).toBe(pool === 'threads')
  },
  patient.timeout,
)
