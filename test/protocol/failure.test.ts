import { describe, expect, test } from 'vitest'
import { LovageError } from '../../src/base/errors.ts'
import {
  encodeError,
  failureOf,
  failureText,
  maxRetriesExceededError,
  notRegistered,
  readFailure,
  reviveFailure,
  softTimeLimitExceeded,
  TaskError,
  taskRevokedError,
  timeLimitExceeded,
  tracebackOf,
  workerLostError,
  type Failure,
} from '../../src/protocol/failure.ts'
import { capturedResults } from './captured.ts'

class ShopError extends Error {}
class KeyError extends Error {
  override name = 'KeyError'
}

describe('what a task threw becomes an exception that Python can raise', () => {
  test.each<[string, unknown, string, unknown[], string]>([
    ['TypeError', new TypeError('bad'), 'TypeError', ['bad'], 'builtins'],
    ['SyntaxError', new SyntaxError('bad'), 'SyntaxError', ['bad'], 'builtins'],
    ['RangeError', new RangeError('bad'), 'ValueError', ['bad'], 'builtins'],
    ['URIError', new URIError('bad'), 'ValueError', ['bad'], 'builtins'],
    ['ReferenceError', new ReferenceError('bad'), 'NameError', ['bad'], 'builtins'],
    ['AggregateError', new AggregateError([new Error('a'), new Error('b')]), 'Exception', ['a; b'], 'builtins'],
    ['Error', new Error('bad'), 'Error', ['bad'], 'lovage'],
    ['a class of its own', new ShopError('bad'), 'ShopError', ['bad'], 'lovage'],
    ["a class named like one of Python's", new KeyError('k'), 'KeyError', ['k'], 'builtins'],
    ['an error without a message', new Error(), 'Error', ['Error'], 'lovage'],
    ['a DOMException', new DOMException('late', 'TimeoutError'), 'TimeoutError', ['late'], 'builtins'],
    [
      'a LovageError',
      new LovageError('TASK_UNKNOWN', { task: 't' }),
      'LovageError',
      ['Task t is not registered', 'TASK_UNKNOWN'],
      'lovage',
    ],
    ['text', 'bad', 'Error', ['bad'], 'lovage'],
    ['null', null, 'Error', ['null'], 'lovage'],
    ['undefined', undefined, 'Error', ['undefined'], 'lovage'],
    ['an object', { code: 7 }, 'Error', ["{'code': 7}"], 'lovage'],
    ['an object with a message', { message: 'bad' }, 'Error', ['bad'], 'lovage'],
    ['a function', function bad() {}, 'Error', ['function bad'], 'lovage'],
    ['a symbol', Symbol('bad'), 'Error', ['Symbol(bad)'], 'lovage'],
    ['an object without a prototype', Object.create(null), 'Error', ['{}'], 'lovage'],
    ['a name that Python cannot have', Object.assign(new Error('bad'), { name: 'a\0b' }), 'Error', ['bad'], 'lovage'],
  ])('%s', (_, thrown, type, args, module) => {
    expect(failureOf(thrown)).toEqual({ exc_type: type, exc_message: args, exc_module: module })
  })

  test('even where looking at it throws', () => {
    const hostile = new Error('bad')
    const boom = (): never => {
      throw new Error('boom')
    }
    for (const name of ['stack', 'name', 'message', 'cause']) Object.defineProperty(hostile, name, { get: boom })
    expect(failureOf(hostile)).toEqual({ exc_type: 'Error', exc_message: [''], exc_module: 'lovage' })
    expect(tracebackOf(hostile)).toBeNull()
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    expect(failureOf(revoked.proxy).exc_type).toBe('Error')
  })

  test('with its message cut where it would make the result too large', () => {
    const [message] = failureOf(new Error('x'.repeat(1_000_000))).exc_message as [string]
    expect(message).toMatch(/^x{100000}\.\.\. \(1000000 characters\)$/)
  })

  test('a failure from another task stays what it was', () => {
    const failure: Failure = { exc_type: 'Outer.InnerError', exc_message: [7, 'a'], exc_module: 'shop' }
    expect(failureOf(reviveFailure(failure, { id: 'i' }))).toBe(failure)
  })
})

describe('the traceback', () => {
  test('is the stack, and the stacks of the causes', () => {
    const traceback = tracebackOf(new Error('outer', { cause: new TypeError('inner') }))
    expect(traceback).toMatch(/^Error: outer\n +at .*\ncaused by: TypeError: inner\n +at /s)
  })

  test('ends where causes go in circles', () => {
    const error = new Error('again')
    error.cause = error
    expect(tracebackOf(error)?.match(/again/g)).toHaveLength(8)
  })

  test('is null for what has none', () => {
    expect(tracebackOf('bad')).toBeNull()
  })
})

describe('the error that get() throws', () => {
  const failure: Failure = { exc_type: 'ValueError', exc_message: ['boom', 42], exc_module: 'builtins' }

  test('has type, module, arguments, task and traceback', () => {
    const error = reviveFailure(failure, { id: 'i', task: 't', traceback: 'Traceback ...' })
    expect(error).toBeInstanceOf(TaskError)
    expect(error).toMatchObject({
      name: 'ValueError',
      message: "('boom', 42)",
      excType: 'ValueError',
      excModule: 'builtins',
      excArgs: ['boom', 42],
      taskId: 'i',
      task: 't',
      traceback: 'Traceback ...',
    })
    expect(reviveFailure(failure, { id: 'i' })).toMatchObject({ task: undefined, traceback: null })
  })

  test.each<[unknown[], string]>([
    [[], ''],
    [['boom'], 'boom'],
    [[42], '42'],
    [[{ a: null }], "{'a': None}"],
    [['a', 'b'], "('a', 'b')"],
  ])('shows the arguments %j as Python would', (args, text) => {
    expect(failureText({ exc_type: 'ValueError', exc_message: args, exc_module: 'builtins' })).toBe(text)
  })

  test('shows of an error of ours the message only', () => {
    expect(failureText(failureOf(new LovageError('TASK_UNKNOWN', { task: 't' })))).toBe('Task t is not registered')
  })
})

describe('an encoded exception is read, whatever it looks like', () => {
  test.each<[unknown, unknown]>([
    [
      { exc_type: 'A', exc_message: ['m'], exc_module: 'b' },
      { exc_type: 'A', exc_message: ['m'], exc_module: 'b' },
    ],
    [
      { exc_type: 'A', exc_message: 'm' },
      { exc_type: 'A', exc_message: ['m'], exc_module: '' },
    ],
    [{ exc_type: 'A' }, { exc_type: 'A', exc_message: [], exc_module: '' }],
    [{ exc_type: 1 }, { exc_type: 'Exception', exc_message: ["{'exc_type': 1}"], exc_module: 'builtins' }],
    ['text', { exc_type: 'Exception', exc_message: ["'text'"], exc_module: 'builtins' }],
    [null, { exc_type: 'Exception', exc_message: ['None'], exc_module: 'builtins' }],
  ])('%j', (value, failure) => {
    expect(readFailure(value)).toEqual(failure)
  })
})

describe.each(['5.2.6', '5.6.3'] as const)('failures that Celery %s itself reports', (version) => {
  const seen = new Map(
    capturedResults(version).map(({ step, body_text: text }) => {
      const { status, result } = JSON.parse(text) as { status: string; result: unknown }
      return [`${step} ${status}`, result]
    }),
  )

  test.each<[string, Failure]>([
    ['soft_time_limit FAILURE', softTimeLimitExceeded()],
    ['hard_time_limit FAILURE', timeLimitExceeded(1)],
    ['unregistered_task FAILURE', notRegistered('captasks.no_such_task')],
    ['expired REVOKED', taskRevokedError('expired')],
    ['revoked_before_start REVOKED', taskRevokedError('revoked')],
    ['revoked_terminate_active REVOKED', taskRevokedError('terminated')],
  ])('%s', (step, failure) => {
    expect(seen.get(step)).toEqual(failure)
  })

  test('worker_lost', () => {
    const { exc_message: message, ...rest } = seen.get('worker_lost FAILURE') as Failure
    expect(message[0]).toMatch(/^Worker exited prematurely: exitcode 3 Job: \d+\.$/)
    expect(workerLostError(message[0] as string)).toEqual({ exc_message: message, ...rest })
  })

  test('retry_exhausted_no_exc', () => {
    const failure = seen.get('retry_exhausted_no_exc FAILURE') as Failure
    const id = /\[(.*)\]/.exec(failure.exc_message[0] as string)?.[1] as string
    const task = 'captasks.retry_exhaust_noexc'
    expect(maxRetriesExceededError({ task, id, argsrepr: '()', kwargsrepr: '{}' })).toEqual(failure)
  })

  test('return_unserializable', () => {
    const failure = seen.get('return_unserializable FAILURE') as Failure
    expect(encodeError(failure.exc_message[0] as string)).toEqual(failure)
  })
})
