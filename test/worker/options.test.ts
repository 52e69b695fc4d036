import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { lovage } from '../../src/index.ts'
import { worker, type WorkerOptions } from '../../src/worker/worker.ts'

const app = lovage('options', { defaultQueue: 'shop' }, { env: {} })

test('every option has a default', () => {
  expect(worker(app).options).toEqual({
    queues: ['shop'],
    pool: 'async',
    concurrency: 100,
    prefetch: 101,
    maxHeld: 50_000,
    highWater: 1_000,
    lowWater: 500,
    hostname: `lovage@${hostname()}`,
    gracePeriodMs: 30_000,
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
    gracePeriod: '2m',
    consumerTimeout: '1h',
  }
  const { gracePeriod: _, consumerTimeout: __, ...rest } = given
  expect(worker(app, given).options).toEqual({
    ...rest,
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

test('what is held fits into the credit that AMQP can count', () => {
  expect(worker(app, { concurrency: 60_000 }).options.maxHeld).toBe(65_535 - 60_001)
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
    [{ concurrency: 65_535 }, 'concurrency', /65534/],
    [{ prefetch: 0 }, 'prefetch', /whole number/],
    [{ prefetch: 99 }, 'prefetch', /less than concurrency/],
    [{ prefetch: 70_000 }, 'prefetch', /65535/],
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

  test('a pool that is not there yet is refused by name', () => {
    expect(() => worker(app, { pool: 'processes' })).toThrow(expect.objectContaining({ code: 'CAPABILITY_MISSING' }))
  })
})

test('a queue whose dead letters could have no queue is refused', () => {
  expect(() => worker(app, { queues: ['q'.repeat(251)] })).toThrow(/queues.*251 bytes/)
  expect(worker(app, { queues: ['q'.repeat(250)] }).options.queues).toHaveLength(1)
})
