import { describe, expect, test } from 'vitest'
import { currentTask, Retry } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench } from './bench.ts'

/** Tasks that end in every way there is, and report meanwhile. */
function tasks({ app }: Bench, ignoreResult: boolean) {
  const options = { ignoreResult, trackStarted: true }
  return [
    app.task('returns', options, () => {
      currentTask().progress({ done: 1 })
      return 1
    }),
    app.task('throws', options, () => {
      throw new RangeError('too far')
    }),
    app.task('retries', { ...options, maxRetries: 1 }, () => {
      throw new Retry({ delayMs: 10 }, new Error('not yet'))
    }),
    app.task('slow', { ...options, timeLimit: '10ms' }, () => new Promise<never>(() => {})),
  ]
}

describe('of a task whose result is ignored nothing is stored, and what went wrong is logged', () => {
  test('by its option', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const made = await bench.worker()
    for (const task of tasks(bench, true)) await task.delay()
    await clock.play(1_000)
    await assertSilent(bench, made.stats())
  })

  test('by the option of the call, which travels as a header', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const made = await bench.worker()
    for (const task of tasks(bench, false)) await task.applyAsync([], { ignoreResult: true })
    await clock.play(1_000)
    await assertSilent(bench, made.stats())
  })

  test('when it expires, or is revoked', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    tasks(bench, false)
    const made = await bench.worker()
    made.revoke('revoked')
    await bench.publish({ task: 'returns', ignoreResult: true, id: 'revoked' })
    await bench.publish({ task: 'returns', ignoreResult: true, id: 'late', expires: '2025-01-01T00:00:00+00:00' })
    await clock.play(10)
    expect(made.stats()).toMatchObject({ revoked: 2, started: 0 })
    expect(bench.happened.filter((happened) => happened.startsWith('put'))).toEqual([])
  })
})

async function assertSilent(bench: Bench, stats: object): Promise<void> {
  expect(stats).toMatchObject({ succeeded: 1, failed: 3, retried: 1, started: 5 })
  expect(bench.happened.filter((happened) => happened.startsWith('put'))).toEqual([])
  const failures = bench.logged('task done').filter(({ state }) => state === 'FAILURE')
  expect(failures.map(({ task }) => String(task)).toSorted()).toEqual(['retries', 'slow', 'throws'])
  expect(failures.find(({ task }) => task === 'throws')).toMatchObject({
    error: 'ValueError: too far',
    traceback: expect.stringMatching(/ignore-result\.test/),
  })
}
