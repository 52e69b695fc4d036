// What was said against coroutines in Celery: a loop for each task, no concurrency, nothing shared, exceptions lost.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileURLToPath } from 'node:url'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { app } from './coroutine-tasks.ts'

const TASKS = 20

const patience = { timeout: '60s' } as const

afterAll(() => app.close())

describe.each(['async', 'threads', 'processes'] as const)('coroutines in pool %s', (pool) => {
  let made: Worker
  const queue = `coroutines-${pool}`
  const module = fileURLToPath(new URL('coroutine-tasks.ts', import.meta.url))
  const all = <Result>(task: string, argument?: (nth: number) => unknown): Promise<Result[]> =>
    Promise.all(
      Array.from({ length: TASKS }, (_, nth) =>
        app.sendTask<Result>(task, argument ? [argument(nth)] : [], {}, { queue }).get(patience),
      ),
    )

  beforeAll(async () => {
    const slots = pool === 'async' ? { concurrency: TASKS } : { concurrency: 1, perChild: TASKS }
    made = worker(app, { queues: [queue], pool, ...slots, module })
    await made.start()
  })
  afterAll(() => made?.stop())

  test('share one loop: a task has none of its own', async () => {
    const loops = await all<{ loop: string }>('shared')
    expect(new Set(loops.map(({ loop }) => loop)).size).toBe(1)
  })

  test('are concurrent: each of them waits until all of them run', async () => {
    const met = await all<{ met: number }>('meet', () => TASKS)
    expect(met.map((one) => one.met)).toEqual(Array(TASKS).fill(TASKS))
  })

  test('share what their child has opened once', async () => {
    const seen = await all<{ connection: string; opened: number }>('shared')
    expect(seen[0]).toMatchObject({ connection: expect.any(String), opened: 1 })
    expect(new Set(seen.map(({ connection }) => connection)).size).toBe(1)
  })

  test('lose no exception: who waits has its type, its message and where it came from', async () => {
    const ends = await Promise.allSettled(
      Array.from({ length: TASKS }, (_, nth) => app.sendTask('fails', [`number ${nth}`], {}, { queue }).get(patience)),
    )
    const reasons = ends.map((end) => (end.status === 'rejected' ? (end.reason as unknown) : undefined))
    expect(reasons).toEqual(
      ends.map((_, nth) =>
        expect.objectContaining({
          excType: 'ValueError',
          message: expect.stringContaining(`number ${nth} is out of range`),
          traceback: expect.stringMatching(/^RangeError.*deeper.*coroutine-tasks/s),
        }),
      ),
    )
  })
})
