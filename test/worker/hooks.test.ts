import { describe, expect, test } from 'vitest'
import { currentTask, type HookEvents, type HookName, Ignore, Reject } from '../../src/index.ts'
import { Bench } from './bench.ts'

const patience = { timeout: '60s' } as const

/** All that a bench's hooks are told, by name, in order. */
function told(bench: Bench, ...names: HookName[]): [HookName, HookEvents[HookName]][] {
  const seen: [HookName, HookEvents[HookName]][] = []
  for (const name of names) bench.app.on(name, (event) => void seen.push([name, event]))
  return seen
}

const RUNS = ['taskPrerun', 'taskPostrun', 'taskSuccess', 'taskFailure', 'taskRetry', 'taskRevoked'] as const

describe('hooks of tasks', () => {
  test('are told of a success, before the result is there', async () => {
    await using bench = new Bench()
    const seen = told(bench, ...RUNS)
    const add = bench.app.task('add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
    await bench.worker()
    const result = await add.applyAsync([2], { kwargs: { y: 3 } })
    expect(await result.get(patience)).toBe(5)
    const run = { task: 'add', id: result.id, args: [2], kwargs: { y: 3 }, retries: 0 }
    expect(seen).toEqual([
      ['taskPrerun', run],
      ['taskSuccess', { ...run, result: 5 }],
      ['taskPostrun', { ...run, state: 'SUCCESS', result: 5 }],
    ])
  })

  test('are told of a failure with what was thrown, of a retry with its wait', async () => {
    await using bench = new Bench()
    const seen = told(bench, 'taskRetry', 'taskFailure', 'taskPostrun')
    const thrown = new RangeError('no')
    const task = bench.app.task('fails', { maxRetries: 1, retryOn: [RangeError], retryDelay: 0 }, () => {
      throw thrown
    })
    await bench.worker()
    await expect(task.delay().get(patience)).rejects.toThrow('no')
    expect(seen).toMatchObject([
      ['taskRetry', { retries: 0, delayMs: 0 }],
      ['taskPostrun', { retries: 0, state: 'RETRY' }],
      ['taskFailure', { retries: 1 }],
      ['taskPostrun', { retries: 1, state: 'FAILURE' }],
    ])
    expect(seen.map(([, event]) => 'error' in event && event.error)).toEqual([thrown, thrown, thrown, thrown])
  })

  test('run as the task does: awaited, and with its currentTask()', async () => {
    await using bench = new Bench()
    const order: string[] = []
    const task = bench.app.task('order', () => void order.push('run'))
    bench.app.on('taskPrerun', async () => {
      await new Promise((resolve) => setImmediate(resolve))
      order.push(`before ${currentTask().name}`)
    })
    bench.app.on('taskPostrun', async () => {
      await new Promise((resolve) => setImmediate(resolve))
      order.push(`after ${currentTask().name}`)
    })
    await bench.worker()
    await task.delay().get(patience)
    expect(order).toEqual(['before order', 'run', 'after order'])
  })

  test('that fail change nothing for the task', async () => {
    await using bench = new Bench()
    for (const name of RUNS) {
      bench.app.on(name, () => {
        throw new Error(`bad ${name}`)
      })
    }
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    await bench.worker()
    expect(await add.delay(2, 3).get(patience)).toBe(5)
    expect(bench.logged('hook failed').map(({ error }) => error)).toEqual([
      'bad taskPrerun',
      'bad taskSuccess',
      'bad taskPostrun',
    ])
  })

  test('are told of a task at its hard time limit, once', async () => {
    await using bench = new Bench()
    const seen = told(bench, 'taskFailure', 'taskPostrun')
    const task = bench.app.task('slow', { timeLimit: 10 }, () => {
      const { signal } = currentTask()
      return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    })
    await bench.worker()
    await expect(task.delay().get(patience)).rejects.toMatchObject({ excType: 'TimeLimitExceeded' })
    await expect.poll(() => seen.length).toBe(2)
    expect(seen).toMatchObject([
      ['taskFailure', { error: { name: 'TimeLimitExceeded' } }],
      ['taskPostrun', { state: 'FAILURE' }],
    ])
  })

  test('are told of one that has expired, where it is dropped', async () => {
    await using bench = new Bench()
    const seen = told(bench, ...RUNS)
    bench.app.task('late', () => 1)
    const { id } = await bench.publish({ task: 'late', expires: '2020-01-01T00:00:00+00:00' })
    await bench.worker()
    await expect.poll(() => seen).toEqual([['taskRevoked', { task: 'late', id, isExpired: true, isTerminated: false }]])
  })

  test('are told of one that nobody here can run', async () => {
    await using bench = new Bench()
    const seen = told(bench, ...RUNS)
    const { id } = await bench.publish({ task: 'nowhere' }, [1])
    await bench.worker()
    await expect
      .poll(() => seen, { timeout: 60_000 })
      .toMatchObject([['taskFailure', { task: 'nowhere', id, args: [1] }]])
  })

  test('are told of the end of one that ignores or rejects its message', async () => {
    await using bench = new Bench()
    const seen = told(bench, ...RUNS)
    bench.app.task('end', (how: string) => {
      throw how === 'ignore' ? new Ignore() : new Reject('no')
    })
    await bench.worker({ concurrency: 1 })
    await bench.publish({ task: 'end' }, ['ignore'])
    await bench.publish({ task: 'end' }, ['reject'])
    await expect.poll(() => seen.length).toBe(4)
    const ends = seen.filter(([name]) => name === 'taskPostrun').map(([, event]) => 'state' in event && event.state)
    expect(ends).toEqual(['IGNORED', 'REJECTED'])
  })
})

test('a worker tells of its life, and of that of its one child, in order', async () => {
  await using bench = new Bench()
  bench.app.task('any', () => {})
  const seen = told(bench, 'childExit', 'childInit', 'workerInit', 'workerReady', 'workerShuttingDown')
  const made = await bench.worker({ hostname: 'w@host' })
  await made.stop()
  const hostname = 'w@host'
  expect(seen).toEqual([
    ['workerInit', { hostname }],
    ['childInit', { hostname, pool: 'async' }],
    ['workerReady', { hostname }],
    ['workerShuttingDown', { hostname, how: 'warm' }],
    ['childExit', { hostname, pool: 'async' }],
  ])
})
