import { expect, test } from 'vitest'
import { resolveSettings, type GivenSettings } from '../../src/app/settings.ts'
import { resolveWorkerOptions, type WorkerOptions } from '../../src/worker/options.ts'

const resolved = (
  worker: GivenSettings['worker'],
  given: WorkerOptions = {},
): ReturnType<typeof resolveWorkerOptions> =>
  resolveWorkerOptions(given, resolveSettings({ ...(worker && { worker }) }, { env: {} }))

test('the settings of an application say what its workers are not told', () => {
  const worker = { concurrency: 3, prefetchMultiplier: 1, disableRateLimits: true, timeLimit: '1m' } as const
  expect(resolved(worker)).toMatchObject({
    concurrency: 3,
    prefetch: 3,
    disableRateLimits: true,
    timeLimitMs: 60_000,
  })
  expect(resolved(worker, { concurrency: 5, disableRateLimits: false })).toMatchObject({
    concurrency: 5,
    disableRateLimits: false,
  })
})

test('a default gives way to an option that says the same in another way', () => {
  expect(resolved({ prefetchMultiplier: 4 }, { concurrency: 2, fair: true }).prefetch).toBe(2)
  expect(resolved({ prefetchMultiplier: 4 }, { concurrency: 2, prefetch: 3 }).prefetch).toBe(3)
  expect(resolved({ concurrency: 4 }, { autoscale: { max: 10, min: 2 } }).concurrency).toBe(2)
  expect(resolved({ concurrency: 4, pool: 'prefork' }, { pool: 'async' }).concurrency).toBe(100)
})

test('an option that is not known, or cannot be, is told of', () => {
  expect(() => resolved({ concurency: 1 } as never)).toThrow(
    expect.objectContaining({ message: 'Setting worker (from code) has concurency', fix: 'Did you mean concurrency?' }),
  )
  expect(() => resolved({ concurrency: 0 })).toThrow(/Option concurrency of the worker must be a whole number/)
})

test('a time zone that is none is refused', () => {
  expect(() => resolveSettings({ timezone: 'Asia/Nowhere' }, { env: {} })).toThrow(/names "Asia\/Nowhere", which is no/)
})
