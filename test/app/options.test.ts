import { expect, test } from 'vitest'
import { checkCallOptions } from '../../src/app/call-options.ts'
import { resolveSettings } from '../../src/app/settings.ts'
import { resolveTaskOptions } from '../../src/app/task-options.ts'
import { isLovageError } from '../../src/base/errors.ts'
import { lovage } from '../../src/index.ts'

const settings = resolveSettings({ defaultRetryDelay: '1m' }, { env: {} })

function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (isLovageError(error, 'OPTION_INVALID')) return `${error.message}. ${error.fix}`
    throw error
  }
  return 'nothing was wrong'
}

test('every option of a task has its default', () => {
  expect(resolveTaskOptions('t', {}, settings)).toEqual({
    queue: undefined,
    deliveryMode: undefined,
    exchange: undefined,
    routingKey: undefined,
    priority: undefined,
    expires: undefined,
    timeLimitMs: undefined,
    softTimeLimitMs: undefined,
    ignoreResult: false,
    serializer: 'json',
    compression: undefined,
    shadow: undefined,
    headers: {},
    acksLate: true,
    maxRetries: 3,
    retryDelayMs: 60_000,
    retryBackoffMs: undefined,
    retryBackoffMaxMs: 600_000,
    retryJitter: true,
    retryOn: [],
    dontRetryOn: [],
    rateLimitPerSecond: undefined,
    trackStarted: false,
    sendEvents: true,
    abandonable: false,
  })
})

test('special values mean what they say', () => {
  const resolve = (given: object): unknown => resolveTaskOptions('t', given, settings)
  expect(resolve({ maxRetries: null })).toMatchObject({ maxRetries: Infinity })
  expect(resolve({ maxRetries: 0 })).toMatchObject({ maxRetries: 0 })
  expect(resolve({ retryBackoff: true })).toMatchObject({ retryBackoffMs: 1_000 })
  expect(resolve({ retryBackoff: '5s' })).toMatchObject({ retryBackoffMs: 5_000 })
  expect(resolve({ retryBackoff: false })).toMatchObject({ retryBackoffMs: undefined })
  expect(resolve({ rateLimit: '90/m' })).toMatchObject({ rateLimitPerSecond: 1.5 })
  expect(resolve({ rateLimit: 2 })).toMatchObject({ rateLimitPerSecond: 2 })
  expect(resolve({ retryOn: [TypeError, 'requests.exceptions.Timeout'] })).toMatchObject({
    retryOn: [TypeError, 'requests.exceptions.Timeout'],
  })
})

test.each([
  [{ queu: 'x' }, 'Option queu of task t does not exist. Did you mean queue?'],
  [{ softTimelimit: '1s' }, 'Option softTimelimit of task t does not exist. Did you mean softTimeLimit?'],
  [{ autoretryFor: [] }, /Option autoretryFor of task t does not exist\. Use one of: queue, /],
  [{ queue: '' }, /Option queue of task t must be a text that is not empty, and is ""/],
  [{ deliveryMode: 3 }, /Option deliveryMode of task t must be 1 or 2, and is 3/],
  [{ priority: 256 }, /Option priority of task t must be a whole number from 0 to 255, and is 256/],
  [{ expires: new Date(NaN) }, /Option expires of task t is a Date without a time/],
  [{ expires: 'tomorrow' }, /Option expires of task t must be a length of time, and is "tomorrow"/],
  [{ timeLimit: 0 }, /Option timeLimit of task t must be longer than zero/],
  [{ timeLimit: '1s', softTimeLimit: '1s' }, /Option softTimeLimit of task t is not shorter than timeLimit/],
  [{ ignoreResult: 'yes' }, /Option ignoreResult of task t must be true or false, and is "yes"/],
  [{ serializer: 'pickle' }, /Option serializer of task t names pickle, which is never written/],
  [{ compression: 'bzip2' }, /Option compression of task t names bzip2, which can be read here, and not written/],
  [{ compression: 'lz4' }, /Option compression of task t must be 'gzip' or 'zlib' or 'brotli' or 'zstd', and is "lz4"/],
  [{ headers: [] }, /Option headers of task t must be an object, and is a list/],
  [{ headers: { task: 'x' } }, /Option headers of task t has task, which is a header of Celery's/],
  [{ headers: { 'x-lovage-starts': 1 } }, /Option headers of task t has x-lovage-starts, which is Lovage's own/],
  [{ acksLate: 1 }, /Option acksLate of task t must be true or false, and is 1/],
  [{ maxRetries: -1 }, /Option maxRetries of task t must be a whole number of at least 0, and is -1/],
  [{ retryBackoff: 'on' }, /Option retryBackoff of task t must be a length of time, and is "on"/],
  [{ retryOn: TypeError }, /Option retryOn of task t must be a list, and is the function TypeError/],
  [{ retryOn: [() => true] }, /Option retryOn of task t has the function \(unnamed\), which is no error class/],
  [{ rateLimit: '10/d' }, /Option rateLimit of task t must be a rate, and is "10\/d"/],
  [{ rateLimit: 0 }, /Option rateLimit of task t must be a rate, and is 0/],
])('options %o of a task are refused, naming option, task and fix', (given, expected) => {
  expect(refusal(() => resolveTaskOptions('t', given as never, settings))).toMatch(expected)
})

test.each([
  [{ coutdown: 1 }, 'Option coutdown of a call of t does not exist. Did you mean countdown?'],
  [{ maxRetries: 1 }, /Option maxRetries of a call of t does not exist/],
  [{ countdown: '1x' }, /Option countdown of a call of t must be a length of time/],
  [{ eta: '2030-01-01' }, /Option eta of a call of t must be a Date, and is "2030-01-01"/],
  [{ eta: new Date(0), countdown: 1 }, /Option eta of a call of t cannot stand beside countdown\. Give one of the two/],
  [{ taskId: '' }, /Option taskId of a call of t must be a text that is not empty/],
  [{ kwargs: [1] }, /Option kwargs of a call of t must be an object, and is a list/],
  ['now', /Option options of a call of t must be an object, and is "now"/],
])('options %o of a call are refused, naming option, call and fix', (given, expected) => {
  expect(refusal(() => checkCallOptions('t', given as never))).toMatch(expected)
})

test.each([
  ['', () => 1, /Option name of task "" must be a text/],
  ['t', 'nothing', /Option fn of task t must be a function, and is "nothing"/],
  ['t', undefined, /Option fn of task t must be a function, and is undefined/],
])('a definition with name %o and function %o is refused', (name, fn, expected) => {
  expect(refusal(() => lovage('test').task(name, fn as never))).toMatch(expected)
})

test.each([
  [{ params: 'x' }, /Option params of task t must be a list/],
  [{ params: ['x', 'x?'] }, /Option params of task t has x twice/],
  [{ params: ['x y'] }, /Option params of task t has "x y", which is no name/],
  [{ input: {} }, /Option input of task t must be a Standard Schema, and is an object/],
  [{ input: {}, params: [] }, /Option params of task t cannot stand beside input/],
  [null, /Option options of task t must be an object, and is null/],
])('a definition with %o is refused', (options, expected) => {
  expect(refusal(() => lovage('test').task('t', options as never, () => 1))).toMatch(expected)
})
