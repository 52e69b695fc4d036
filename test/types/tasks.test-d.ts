import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  type AsyncResult,
  currentTask,
  type HookEvents,
  lovage,
  type RemoteTask,
  type Sending,
  type Task,
} from 'lovage'

const app = lovage('types')
const add = app.task('add', (x: number, y: number) => x + y)
const fetchPage = app.task('fetch', { queue: 'web' }, async (url: string, depth?: number) => ({ url, depth }))
const mail = app.task(
  'mail',
  { input: z.object({ to: z.string(), copies: z.coerce.number() }) },
  async ({ to, copies }) => {
    expectTypeOf(copies).toEqualTypeOf<number>()
    return to.length
  },
)
const sum = app.task('sum', (...xs: number[]) => xs.reduce((a, b) => a + b, 0))
const train = app.remote<(set: string) => { loss: number }>('ml.train')

test('a task takes the arguments of its function, and is called as it is', () => {
  expectTypeOf(add).toEqualTypeOf<Task<[x: number, y: number], number, number>>()
  expectTypeOf(add(1, 2)).toEqualTypeOf<number>()
  expectTypeOf(fetchPage('/')).toEqualTypeOf<Promise<{ url: string; depth: number | undefined }>>()
  expectTypeOf(sum.delay).parameters.toEqualTypeOf<number[]>()
})

test('a streaming task has a type of its parts and one of its result', () => {
  const report = app.task('report', async function* (month: string) {
    yield { line: month }
    return month.length
  })
  expectTypeOf(report.delay('may').get()).toEqualTypeOf<Promise<number>>()
  expectTypeOf<Awaited<ReturnType<typeof report.delay>>['stream']>().returns.toEqualTypeOf<
    AsyncGenerator<{ line: string }, number, void>
  >()
  expectTypeOf(report('may').next()).resolves.toExtend<{ value: { line: string } | number }>()
  const elsewhere = app.remote<typeof report>('report')
  expectTypeOf<Awaited<ReturnType<typeof elsewhere.delay>>>().toEqualTypeOf<AsyncResult<number, { line: string }>>()
})

test('what is awaited is typed all the way', () => {
  expectTypeOf(add.delay(1, 2)).toEqualTypeOf<Sending<number>>()
  expectTypeOf<Awaited<Sending<number>>>().toEqualTypeOf<AsyncResult<number>>()
  expectTypeOf(add.delay(1, 2).get()).toEqualTypeOf<Promise<number>>()
  expectTypeOf(fetchPage.delay('/').get()).toEqualTypeOf<Promise<{ url: string; depth: number | undefined }>>()
  expectTypeOf(train.delay('mnist').get()).toEqualTypeOf<Promise<{ loss: number }>>()
  expectTypeOf(app.sendTask<boolean>('x').get()).toEqualTypeOf<Promise<boolean>>()
  expectTypeOf(app.sendTask('x').get()).toEqualTypeOf<Promise<unknown>>()
})

test('a task with an input takes what its schema reads', () => {
  expectTypeOf(mail.delay).parameters.toEqualTypeOf<[input: { to: string; copies: unknown }]>()
  expectTypeOf(mail({ to: 'ann', copies: '2' })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(mail.delay({ to: 'ann', copies: 2 }).get()).toEqualTypeOf<Promise<number>>()
})

test('a task defined here may stand where one that lives elsewhere is wanted', () => {
  expectTypeOf(add).toExtend<RemoteTask<[number, number], number>>()
  expectTypeOf(train).not.toExtend<Task<[string]>>()
})

test('a result is not thenable', () => {
  expectTypeOf<AsyncResult<number>>().not.toExtend<PromiseLike<unknown>>()
  expectTypeOf<AsyncResult<number>>().not.toHaveProperty('then')
})

/** What stands in here is looked at by the compiler alone. */
export function mustNotCompile(result: AsyncResult<number>): void {
  // @ts-expect-error an argument is missing
  void add.delay(1)
  // @ts-expect-error an argument is too many
  void add.delay(1, 2, 3)
  // @ts-expect-error an argument has another type
  void add.delay('1', 2)
  // @ts-expect-error also where it is called here
  add(1, '2')
  // @ts-expect-error applyAsync takes a list of the same arguments
  void add.applyAsync([1, '2'])
  // @ts-expect-error of the same length
  void add.applyAsync([1])
  // @ts-expect-error and a list at all
  void add.applyAsync(1, 2)
  // @ts-expect-error arguments may be left out only where others come by name
  void fetchPage.applyAsync([], { queue: 'web' })
  void fetchPage.applyAsync([], { kwargs: { url: '/' } })
  // @ts-expect-error there is no such option of a call
  void add.applyAsync([1, 2], { coutdown: '1s' })
  // @ts-expect-error an option of tasks is none of calls
  void add.applyAsync([1, 2], { maxRetries: 3 })
  // @ts-expect-error a duration has a unit that is known
  void add.applyAsync([1, 2], { countdown: '1 minute' })
  // @ts-expect-error an eta is a Date
  void add.applyAsync([1, 2], { eta: '2030-01-01' })
  // @ts-expect-error only JSON is written
  void add.applyAsync([1, 2], { serializer: 'pickle' })
  // @ts-expect-error the value has another type
  void (add.delay(1, 2).get() satisfies Promise<string>)
  // @ts-expect-error the value has another type
  void (result.get() satisfies Promise<string>)
  // @ts-expect-error a result is asked by get()
  void result.then
  // @ts-expect-error a timeout is a duration
  void result.get({ timeout: 'soon' })
  // @ts-expect-error there is no such option of a task
  app.task('a', { queu: 'x' }, () => 1)
  // @ts-expect-error a retry backoff is true, false or a duration
  app.task('b', { retryBackoff: 'yes' }, () => 1)
  // @ts-expect-error a rate has a unit that is known
  app.task('c', { rateLimit: '10/day' }, () => 1)
  // @ts-expect-error what is retried on is an error
  app.task('d', { retryOn: [Date] }, () => 1)
  // @ts-expect-error every parameter has one name
  app.task('e', { params: ['x'] }, (x: number, y: number) => x + y)
  // @ts-expect-error and no name is over
  app.task('f', { params: ['x', 'y', 'z'] }, (x: number, y: number) => x + y)
  // @ts-expect-error params and input exclude each other
  app.task('g', { params: ['x'], input: z.object({ x: z.number() }) }, ({ x }: { x: number }) => x)
  // @ts-expect-error the function takes what the schema gives
  app.task('h', { input: z.object({ x: z.number() }) }, (x: number) => x)
  // @ts-expect-error an input is a schema
  app.task('i', { input: { x: 'number' } }, (x: number) => x)
  // @ts-expect-error a task is a function
  app.task('j', { queue: 'x' })
  // @ts-expect-error a member is missing
  void mail.delay({ to: 'ann' })
  // @ts-expect-error a member has another type
  void mail.delay({ to: 1, copies: 1 })
  // @ts-expect-error there is no such member
  void mail.delay({ to: 'ann', copies: 1, cc: 'bob' })
  // @ts-expect-error the input is one object
  void mail.delay('ann', 1)
  // @ts-expect-error a task that lives elsewhere cannot be called here
  train('mnist')
  // @ts-expect-error its arguments have types all the same
  void train.delay(1)
  // @ts-expect-error and its options are those of sending
  app.remote('x', { maxRetries: 1 })
  // @ts-expect-error there is no such setting
  lovage('x', { brokr: 'amqp://localhost' })
  // @ts-expect-error a setting has another type
  lovage('x', { publishTimeout: '2 seconds' })
  // @ts-expect-error settings do not change
  app.settings.broker = 'amqp://there'
  // @ts-expect-error a retry waits for a duration
  currentTask().retry({ countdown: 'soon' })
  // @ts-expect-error the current task does not change
  currentTask().retries = 0
}

test('a task of a class takes the arguments of its method run', () => {
  class Add {
    run(x: number, y: number): number {
      return x + y
    }
    onSuccess({ result }: HookEvents['taskSuccess']): void {
      expectTypeOf(result).toBeUnknown()
    }
  }
  class Mail {
    run({ to }: { to: string; copies: number }): number {
      return to.length
    }
  }
  const input = z.object({ to: z.string(), copies: z.coerce.number() })
  expectTypeOf(app.task('class', Add)).toEqualTypeOf<Task<[x: number, y: number], number, number>>()
  expectTypeOf(app.task('named', { params: ['x', 'y'] }, Add)(1, 2)).toEqualTypeOf<number>()
  expectTypeOf(app.task('checked', { input }, Mail)({ to: 'ann', copies: '2' })).toEqualTypeOf<Promise<number>>()
  class Empty {
    readonly start = 1
  }
  // @ts-expect-error It has no method run.
  app.task('empty', Empty)
})

test('a hook knows what it is told', () => {
  app.on('taskSuccess', ({ task, result }) => {
    expectTypeOf(task).toEqualTypeOf<string>()
    expectTypeOf(result).toBeUnknown()
  })
  app.on('taskRetry', async ({ delayMs }) => expectTypeOf(delayMs).toEqualTypeOf<number>())
  // @ts-expect-error There is no such hook.
  app.on('taskPreRun', () => {})
})
