import { expect, test } from 'vitest'
import {
  currentTask,
  currentTaskIfAny,
  type CurrentTask,
  retry,
  retryWith,
  runWithTask,
} from '../../src/app/current-task.ts'
import { Ignore, Reject, Retry } from '../../src/app/control-flow.ts'

const one = { id: 'one' } as CurrentTask
const two = { id: 'two' } as CurrentTask

test('outside of a task there is none', () => {
  expect(currentTaskIfAny()).toBeUndefined()
  expect(() => currentTask()).toThrow(expect.objectContaining({ code: 'CURRENT_TASK_NONE' }) as Error)
})

test('tasks that run at the same time each see themselves, through waits and callbacks', async () => {
  const later = (current: CurrentTask): Promise<string[]> =>
    runWithTask(current, async () => {
      const before = currentTask().id
      await new Promise((resolve) => setImmediate(resolve))
      return [
        before,
        currentTask().id,
        await new Promise<string>((resolve) => setImmediate(() => resolve(currentTask().id))),
      ]
    })
  expect(await Promise.all([later(one), later(two)])).toEqual([
    ['one', 'one', 'one'],
    ['two', 'two', 'two'],
  ])
  expect(currentTaskIfAny()).toBeUndefined()
})

test('a task that runs inside another is the current one until it ends', () => {
  const seen = runWithTask(one, () => [runWithTask(two, () => currentTask().id), currentTask().id])
  expect(seen).toEqual(['two', 'one'])
})

test('a retry says when, how often at most, and why', () => {
  const cause = new Error('busy')
  const plain = retryWith({}, 0)
  expect([plain.delayMs, plain.maxRetries, plain.cause]).toEqual([undefined, undefined, undefined])
  expect(retryWith({ countdown: '10s', maxRetries: null, cause }, 0)).toMatchObject({
    delayMs: 10_000,
    maxRetries: Infinity,
    cause,
  })
  expect(retryWith({ eta: new Date(5_000) }, 2_000)).toMatchObject({ delayMs: 3_000 })
  expect(retryWith({ eta: new Date(1_000) }, 2_000)).toMatchObject({ delayMs: 0 })
})

test.each([
  [{ countdown: 'soon' }, 'Option countdown of retry() must be a length of time, and is "soon"'],
  [{ eta: new Date(NaN) }, 'Option eta of retry() must be a Date'],
  [{ maxRetries: -1 }, 'Option maxRetries of retry() must be a whole number of at least 0, and is -1'],
  [{ countdwn: 1 }, 'Option countdwn of retry() does not exist'],
])('retry(%o) is refused', (options, expected) => {
  expect(() => retryWith(options as never, 0)).toThrow(expected)
})

test('retry() outside of a task makes the same error, for whoever called the function', () => {
  const cause = new Error('away')
  expect(retry({ countdown: '10s', cause })).toMatchObject({ name: 'Retry', delayMs: 10_000, cause })
})

test('what tasks throw to steer is an error with a name', () => {
  expect(new Retry()).toMatchObject({ name: 'Retry', delayMs: undefined })
  expect(new Reject()).toMatchObject({ name: 'Reject', requeue: false })
  expect(new Reject('later', { requeue: true })).toMatchObject({ message: 'later', requeue: true })
  expect(new Ignore()).toBeInstanceOf(Error)
})
