import { describe, expect, test } from 'vitest'
import { currentTask, type HookEvents, lovage, type TaskEvent, type TaskHandlers } from '../../src/index.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { runTask } from '../../src/testing/run-task.ts'

const app = (): ReturnType<typeof lovage> => lovage('classes', {}, { env: {} })

describe('a task of a class', () => {
  test('is one object, made when it is first run, whose state its runs share', async () => {
    let made = 0
    class Counter {
      count = 0
      constructor() {
        made++
      }
      async run(by: number, label = 'count'): Promise<string> {
        await Promise.resolve()
        this.count += by
        return `${label} ${this.count} in ${currentTask().name}`
      }
    }
    const shop = app()
    const count = shop.task('count', Counter)
    expect(made).toBe(0)
    expect((await runTask(shop, count, [2])).value).toBe('count 2 in count')
    expect((await runTask(shop, count, [3, 'sum'])).value).toBe('sum 5 in count')
    expect(made).toBe(1)
  })

  test('takes the arguments of its method run, by name too, and is called as a function is', async () => {
    class Add {
      run(x: number, y: number): number {
        return x + y
      }
    }
    const shop = app()
    const add = shop.task('add', { params: ['x', 'y'] }, Add)
    expect(add(2, 3)).toBe(5)
    expect((await runTask(shop, add, [2], { kwargs: { y: 3 } })).value).toBe(5)
    expect((await runTask(shop, add, [2] as never)).outcome).toMatchObject({ state: 'FAILURE' })
  })

  test('is told before and after each run, as Celery’s Task is', async () => {
    const told: unknown[] = []
    const tell =
      (name: string) =>
      ({ task, id, ...event }: TaskEvent): void =>
        void told.push([name, `${task} ${id}`, event])
    class Watched implements TaskHandlers {
      run(what: string): string {
        if (what === 'good') return what
        const { retries, retry } = currentTask()
        throw retries > 0 ? new Error(what) : retry({ countdown: '5s', cause: new Error(what) })
      }
      beforeStart(event: TaskEvent): void {
        tell('beforeStart')(event)
      }
      async onSuccess(event: HookEvents['taskSuccess']): Promise<void> {
        await Promise.resolve()
        tell('onSuccess')(event)
      }
      onFailure(event: HookEvents['taskFailure']): void {
        tell('onFailure')(event)
      }
      onRetry(event: HookEvents['taskRetry']): void {
        tell('onRetry')(event)
      }
      afterReturn(event: HookEvents['taskPostrun']): void {
        tell('afterReturn')(event)
      }
    }
    const shop = app()
    const task = shop.task('some', Watched)
    await runTask(shop, task, ['good'], { taskId: 'id' })
    await runTask(shop, task, ['bad'], { taskId: 'id' })
    await runTask(shop, task, ['bad'], { taskId: 'id', retries: 1 })
    const run = (what: string, retries: number): object => ({ args: [what], kwargs: {}, retries })
    const error = new Error('bad')
    expect(told).toEqual([
      ['beforeStart', 'some id', run('good', 0)],
      ['onSuccess', 'some id', { ...run('good', 0), result: 'good' }],
      ['afterReturn', 'some id', { ...run('good', 0), state: 'SUCCESS', result: 'good' }],
      ['beforeStart', 'some id', run('bad', 0)],
      ['onRetry', 'some id', { ...run('bad', 0), error, delayMs: 5_000 }],
      ['afterReturn', 'some id', { ...run('bad', 0), state: 'RETRY', error }],
      ['beforeStart', 'some id', run('bad', 1)],
      ['onFailure', 'some id', { ...run('bad', 1), error }],
      ['afterReturn', 'some id', { ...run('bad', 1), state: 'FAILURE', error }],
    ])
  })

  test('fails, or is retried, with what its beforeStart throws', async () => {
    class Locked {
      beforeStart(): never {
        throw new RangeError('locked')
      }
      run(): string {
        return 'ran'
      }
    }
    const shop = app()
    const once = shop.task('once', Locked)
    const again = shop.task('again', { retryOn: [RangeError], retryDelay: '1s' }, Locked)
    expect(await runTask(shop, once, [])).toMatchObject({ state: 'FAILURE' })
    expect(await runTask(shop, again, [])).toMatchObject({ state: 'RETRY', retryInMs: 1_000 })
  })

  test('keeps its outcome when a handler throws, which is logged by class and method', async () => {
    class Untidy {
      run(): string {
        return 'done'
      }
      onSuccess(): Promise<never> {
        return Promise.reject(new Error('untidy'))
      }
    }
    const shop = app()
    const records: LogRecord[] = []
    const stop = onLog((record) => void records.push(record))
    expect((await runTask(shop, shop.task('untidy', Untidy), [])).value).toBe('done')
    stop()
    expect(records).toContainEqual(
      expect.objectContaining({
        message: 'hook failed',
        fields: expect.objectContaining({ hook: 'Untidy.onSuccess', task: 'untidy', error: 'untidy' }),
      }),
    )
  })

  test('fails with what its constructor throws, each time', async () => {
    class Broken {
      constructor() {
        throw new Error('no model')
      }
      run(): void {}
      onSuccess(): void {}
    }
    const shop = app()
    const task = shop.task('broken', Broken)
    for (let i = 0; i < 2; i++) expect((await runTask(shop, task, [])).outcome.state).toBe('FAILURE')
  })

  test('is refused without a method run', () => {
    class Empty {
      readonly start = (): void => {}
    }
    expect(() => app().task('empty', Empty as never)).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: expect.stringMatching('a class without a method run'),
      }),
    )
  })
})
