import { describe, expect, test } from 'vitest'
import { LovageError } from '../../src/base/errors.ts'
import { isRetried, retryDelayMs, type RetryOptions } from '../../src/pool/retry.ts'
import { reviveFailure } from '../../src/protocol/failure.ts'

const options = (given: Partial<RetryOptions>): RetryOptions => ({
  maxRetries: 3,
  retryDelayMs: 180_000,
  retryBackoffMs: undefined,
  retryBackoffMaxMs: 600_000,
  retryJitter: true,
  retryOn: [],
  dontRetryOn: [],
  ...given,
})

describe('whether an error is retried', () => {
  class StockError extends Error {}
  class EmptyError extends StockError {}

  test('no error is, where the options name none', () => {
    expect(isRetried(new Error(), options({}))).toBe(false)
  })

  test('by class, subclasses included', () => {
    expect(isRetried(new EmptyError(), options({ retryOn: [StockError] }))).toBe(true)
    expect(isRetried(new StockError(), options({ retryOn: [EmptyError] }))).toBe(false)
  })

  test('by the name of the error or of any of its classes', () => {
    const renamed = Object.assign(new Error(), { name: 'Timeout' })
    expect(isRetried(renamed, options({ retryOn: ['Timeout'] }))).toBe(true)
    expect(isRetried(new EmptyError(), options({ retryOn: ['StockError'] }))).toBe(true)
    expect(isRetried(new EmptyError(), options({ retryOn: ['Object'] }))).toBe(false)
  })

  test("by the Python name of another task's failure", () => {
    const failure = { exc_type: 'Timeout', exc_message: [], exc_module: 'requests.exceptions' }
    const error = reviveFailure(failure, { id: '1' })
    expect(isRetried(error, options({ retryOn: ['requests.exceptions.Timeout'] }))).toBe(true)
    expect(isRetried(error, options({ retryOn: ['Timeout'] }))).toBe(true)
    expect(isRetried(error, options({ retryOn: ['socket.Timeout'] }))).toBe(false)
  })

  test('an exception to the rule wins', () => {
    const given = options({ retryOn: [Error], dontRetryOn: ['EmptyError'] })
    expect(isRetried(new StockError(), given)).toBe(true)
    expect(isRetried(new EmptyError(), given)).toBe(false)
  })

  test('what is thrown may be anything', () => {
    const odd = [
      undefined,
      null,
      'text',
      1,
      Object.create(null),
      Object.assign(Object.create({ constructor: null }), {}),
    ]
    for (const thrown of odd) expect(isRetried(thrown, options({ retryOn: [Error, 'Error'] }))).toBe(false)
  })

  test('arguments that do not fit never are', () => {
    const error = new LovageError('ARGUMENTS_INVALID', { task: 't', problem: 'too many' })
    expect(isRetried(error, options({ retryOn: [Error] }))).toBe(false)
  })
})

describe('how long a retry waits', () => {
  test("as long as the task's options say", () => {
    expect(retryDelayMs(0, options({}), undefined, 0.5)).toBe(180_000)
  })

  test('as long as the task asks', () => {
    expect(retryDelayMs(0, options({ retryBackoffMs: 1_000 }), { delayMs: 5, maxRetries: undefined }, 0.5)).toBe(5)
  })

  test('with backoff it doubles up to the longest wait', () => {
    const given = options({ retryBackoffMs: 1_000, retryJitter: false, maxRetries: Infinity })
    const waits = [0, 1, 2, 9, 10, 500].map((retries) => retryDelayMs(retries, given, undefined, 0.5))
    expect(waits).toEqual([1_000, 2_000, 4_000, 512_000, 600_000, 600_000])
  })

  test('jitter draws from nothing to the full wait', () => {
    const given = options({ retryBackoffMs: 1_000 })
    expect(retryDelayMs(2, given, undefined, 0)).toBe(0)
    expect(retryDelayMs(2, given, undefined, 0.25)).toBe(1_000)
  })

  test('there is an end, which a retry may move, and null means none', () => {
    expect(retryDelayMs(2, options({}), undefined, 0)).toBe(180_000)
    expect(retryDelayMs(3, options({}), undefined, 0)).toBeUndefined()
    expect(retryDelayMs(3, options({}), { delayMs: 1, maxRetries: 4 }, 0)).toBe(1)
    expect(retryDelayMs(1, options({}), { delayMs: 1, maxRetries: 1 }, 0)).toBeUndefined()
    expect(retryDelayMs(1e6, options({ maxRetries: Infinity }), undefined, 0)).toBe(180_000)
    expect(retryDelayMs(0, options({ maxRetries: 0 }), undefined, 0)).toBeUndefined()
  })
})
