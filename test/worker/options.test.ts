import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { lovage } from '../../src/index.ts'
import { worker, type WorkerOptions } from '../../src/worker/worker.ts'

const app = lovage('options', { defaultQueue: 'shop' }, { env: {} })

const CORES = availableParallelism()
const POOLS = { perChild: 1, maxTasksPerChild: undefined, maxMemoryPerChild: undefined, modules: [] }
const CREDIT = { prefetchMultiplier: undefined, autoscale: undefined, disableRateLimits: false }
const EVENTS = { events: false, heartbeatIntervalMs: 2_000 }
const REMOTE = { remoteControl: true, mingle: true, poolRestarts: false }

test('every option has a default', () => {
  expect(worker(app).options).toEqual({
    ...POOLS,
    ...CREDIT,
    ...EVENTS,
    ...REMOTE,
    sizes: { async: 100, threads: CORES, processes: CORES },
    slots: 100,
    queues: ['shop'],
    pool: 'async',
    concurrency: 100,
    prefetch: 101,
    maxHeld: 50_000,
    highWater: 1_000,
    lowWater: 500,
    hostname: `lovage@${hostname()}`,
    gracePeriodMs: 30_000,
    softShutdownTimeoutMs: 0,
    timeLimitMs: undefined,
    softTimeLimitMs: undefined,
    consumerTimeoutMs: 1_800_000,
    stallThresholdMs: 1_000,
  })
})

test('options are taken as given', () => {
  const given: WorkerOptions = {
    queues: ['a', 'b'],
    pool: 'gevent',
    concurrency: 5,
    prefetch: 20,
    maxHeld: 0,
    highWater: 40,
    lowWater: 10,
    hostname: 'w1@here',
    timeLimit: '1h',
    softTimeLimit: '50m',
    gracePeriod: '2m',
    softShutdownTimeout: '5s',
    consumerTimeout: '1h',
  }
  const [timeLimit, softTimeLimit, gracePeriod, softShutdownTimeout, consumerTimeout] = Array<undefined>(5)
  expect(worker(app, given).options).toEqual({
    ...POOLS,
    ...CREDIT,
    ...EVENTS,
    ...REMOTE,
    sizes: { async: 5, threads: CORES, processes: CORES },
    slots: 5,
    ...given,
    ...{ timeLimit, softTimeLimit, gracePeriod, softShutdownTimeout, consumerTimeout },
    timeLimitMs: 3_600_000,
    softTimeLimitMs: 3_000_000,
    softShutdownTimeoutMs: 5_000,
    pool: 'async',
    gracePeriodMs: 120_000,
    consumerTimeoutMs: 3_600_000,
    stallThresholdMs: 1_000,
  })
})

test("Celery's solo runs one task at a time", () => {
  expect(worker(app, { pool: 'solo' }).options).toMatchObject({ pool: 'async', concurrency: 1, prefetch: 2 })
  expect(worker(app, { pool: 'solo', concurrency: 3 }).options).toMatchObject({ concurrency: 3 })
})

describe('how much is prefetched', () => {
  test("with Celery's multiplier: so many times the slots; 0 is as much as the high water mark allows", () => {
    expect(worker(app, { concurrency: 10, prefetchMultiplier: 4 }).options.prefetch).toBe(40)
    expect(worker(app, { concurrency: 10, prefetchMultiplier: 1 }).options.prefetch).toBe(10)
    expect(worker(app, { concurrency: 10, prefetchMultiplier: 0, highWater: 70 }).options.prefetch).toBe(80)
  })

  test("with Celery's -O fair: nothing that cannot start", () => {
    expect(worker(app, { concurrency: 10, fair: true }).options.prefetch).toBe(10)
    expect(worker(app, { concurrency: 10, fair: false }).options.prefetch).toBe(11)
  })
})

test('with autoscale a pool begins with the lower size', () => {
  expect(worker(app, { autoscale: { max: 8, min: 3, keepalive: '5s' } }).options).toMatchObject({
    autoscale: { max: 8, min: 3, keepaliveMs: 5_000 },
    concurrency: 3,
    prefetch: 4,
  })
  expect(worker(app, { autoscale: { max: 8 } }).options).toMatchObject({ concurrency: 1 })
})

test('what is held fits into the most that can be in hand', () => {
  expect(worker(app, { concurrency: 960_000 }).options.maxHeld).toBe(1_000_000 - 960_001)
})

describe('an option that cannot stand is refused, with its name and what to write', () => {
  const cases: [options: object | null, option: string, problem: RegExp][] = [
    [{ queues: [] }, 'queues', /empty/],
    [{ queues: 'celery' }, 'queues', /list/],
    [{ queues: ['a', 'a'] }, 'queues', /'?"a"'? twice/],
    [{ queues: [''] }, 'queues', /text/],
    [{ queues: ['x'.repeat(256)] }, 'queues', /256 bytes/],
    [{ concurrency: 0 }, 'concurrency', /whole number/],
    [{ concurrency: 1.5 }, 'concurrency', /whole number/],
    [{ concurrency: 1_000_000 }, 'concurrency', /999999/],
    [{ prefetch: 0 }, 'prefetch', /whole number/],
    [{ prefetch: 99 }, 'prefetch', /less than concurrency/],
    [{ prefetch: 1_000_001 }, 'prefetch', /1000000/],
    [{ prefetch: 200, fair: true }, 'fair', /beside prefetch/],
    [{ prefetch: 200, prefetchMultiplier: 0 }, 'prefetchMultiplier', /beside prefetch/],
    [{ prefetchMultiplier: 1.5 }, 'prefetchMultiplier', /whole number/],
    [{ autoscale: 5 }, 'autoscale', /object/],
    [{ autoscale: { max: 2, min: 3 } }, 'autoscale', /whole number/],
    [{ autoscale: { max: 2 }, concurrency: 2 }, 'concurrency', /beside autoscale/],
    [{ maxHeld: -1 }, 'maxHeld', /whole number/],
    [{ highWater: 10, lowWater: 11 }, 'lowWater', /more than highWater/],
    [{ hostname: '' }, 'hostname', /text/],
    [{ gracePeriod: '5 minutes' }, 'gracePeriod', /length of time/],
    [{ gracePeriod: -1 }, 'gracePeriod', /length of time/],
    [{ pool: 'fibers' }, 'pool', /no pool/],
    [{ concurency: 5 }, 'concurency', /does not exist/],
    [null, 'options', /object/],
  ]
  for (const [options, option, problem] of cases) {
    test(JSON.stringify(options)?.slice(0, 60), () => {
      expect(() => worker(app, options as WorkerOptions)).toThrow(
        expect.objectContaining({
          code: 'OPTION_INVALID',
          message: expect.stringMatching(problem),
          details: expect.objectContaining({ option, where: 'the worker' }),
          fix: expect.stringMatching(/\w/),
        }),
      )
    })
  }

  test('the nearest name is proposed', () => {
    expect(() => worker(app, { concurency: 5 } as WorkerOptions)).toThrow(
      expect.objectContaining({ fix: 'Did you mean concurrency?' }),
    )
  })

  test('a pool of children is refused where nothing says what they load, with what to write', () => {
    for (const pool of ['processes', 'prefork', 'threads'] as const) {
      expect(() => worker(app, { pool }), pool).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID', fix: expect.stringContaining('module: import.meta.url') }),
      )
    }
    expect(() => worker(app, { module: 'https://example.com/tasks.ts' })).toThrow(/which is no file/)
  })
})

test('a queue whose dead letters could have no queue is refused', () => {
  expect(() => worker(app, { queues: ['q'.repeat(251)] })).toThrow(/queues.*251 bytes/)
  expect(worker(app, { queues: ['q'.repeat(250)] }).options.queues).toHaveLength(1)
})

test('threads and processes are as many as there are cores, each with perChild slots', () => {
  const module = import.meta.url
  expect(worker(app, { pool: 'prefork', module, perChild: 3 }).options).toMatchObject({
    ...{ pool: 'processes', concurrency: CORES, slots: CORES * 3, prefetch: CORES * 3 + 1 },
    modules: [fileURLToPath(module)],
  })
  expect(worker(app, { pool: 'threads', module, concurrency: 5 }).options).toMatchObject({ slots: 5, prefetch: 6 })
})

test('a pool that only some tasks ask for has slots of its own', () => {
  const mixed = lovage('mixed', {}, { env: {} })
  mixed.task('compute', { pool: 'processes' }, () => {})
  const { options } = worker(mixed, { concurrency: 10, pools: { processes: 2 }, perChild: 4, module: import.meta.url })
  expect(options).toMatchObject({ pool: 'async', concurrency: 10, sizes: { async: 10, processes: 8 }, slots: 18 })
  expect(() => worker(mixed, {})).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})
