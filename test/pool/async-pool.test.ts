import { describe, expect, test } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import { systemClock } from '../../src/base/clock.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { AsyncPool } from '../../src/pool/async/async-pool.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { PoolScene } from '../../src/testing/pool/scene.ts'

function open(define: (app: ReturnType<typeof lovage>) => void, size = 10): PoolScene {
  const app = lovage('async-pool', {}, { env: {} })
  define(app)
  return new PoolScene(
    new AsyncPool({ app, hostname: 'here', size, clock: systemClock, accept: ['application/json'], types: 'typed' }),
  )
}

describe('a function that is given up', () => {
  test('is counted until it returns, and what it does then changes nothing', async () => {
    let letGo = (): void => {}
    const scene = open((app) => {
      app.task('slow', async () => {
        const { progress, signal } = currentTask()
        await new Promise<void>((resolve) => (letGo = resolve))
        progress('too late')
        return String(signal.reason)
      })
    })
    const records: LogRecord[] = []
    const stopListening = onLog((record) => void records.push(record))
    const { outcome, updates, job } = scene.start('slow', [], { timelimit: [0.01, null] })
    expect((await outcome).state).toBe('FAILURE')
    stopListening()
    expect(scene.pool).toMatchObject({ running: 0, abandoned: 1 })
    expect(records).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: 'task given up at its time limit',
        fields: { task: 'slow', id: job.request.id, limitMs: 10 },
      }),
    )
    letGo()
    await expect.poll(() => scene.pool.abandoned).toBe(0)
    expect(updates).toEqual([])
  })

  test('hears of it by its signal', async () => {
    let heard: unknown
    const scene = open((app) => {
      app.task('slow', () => {
        const { signal } = currentTask()
        return new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            heard = signal.reason
            resolve()
          })
        })
      })
    })
    await scene.run('slow', [], { timelimit: [0.01, null] })
    expect(heard).toMatchObject({ name: 'TimeLimitExceeded', message: 'the time limit of 10 ms is over' })
  })
})

test('a signal that is asked for after the abort is aborted', async () => {
  let letGo = (): void => {}
  const scene = open((app) => {
    app.task('late', async () => {
      await new Promise<void>((resolve) => (letGo = resolve))
      return currentTask().signal.aborted
    })
  })
  const { started, outcome, job } = scene.start('late')
  await started
  scene.pool.abort(job, new Error('stop'))
  letGo()
  expect(payloadValue((await outcome).result)).toBe(true)
})

test('one id may run twice at a time: a duplicate is the broker’s affair', async () => {
  const scene = open((app) => {
    app.task('wait', async () => {
      const { signal } = currentTask()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return String((signal.reason as Error).message)
    })
  })
  const [one, two] = [scene.start('wait', [], { id: 'same' }), scene.start('wait', [], { id: 'same' })]
  await Promise.all([one.started, two.started])
  scene.pool.abort(two.job, new Error('second'))
  expect(payloadValue((await two.outcome).result)).toBe('second')
  scene.pool.abort(one.job, new Error('first'))
  expect(payloadValue((await one.outcome).result)).toBe('first')
})

test('tasks sent from inside a task are its children, up to a bound', async () => {
  const scene = open((app) => {
    app.task('parent', (count: number) => {
      const { sent } = currentTask()
      for (let index = 0; index < count; index++) sent(`child-${index}`)
    })
  })
  expect((await scene.run('parent', [2])).children).toEqual([
    [['child-0', null], null],
    [['child-1', null], null],
  ])
  expect((await scene.run('parent', [0])).children).toBeUndefined()
  const records: LogRecord[] = []
  const stopListening = onLog((record) => void records.push(record))
  expect((await scene.run('parent', [10_005])).children).toHaveLength(10_000)
  stopListening()
  expect(records.filter(({ room }) => room === 'pool')).toHaveLength(1)
})

test('errors that throw when they are read are failures all the same', async () => {
  const scene = open((app) => {
    app.task('hostile', { retryOn: ['Other'] }, () => {
      throw Object.defineProperties(new Error('x'), {
        name: {
          get: () => {
            throw new Error('name')
          },
        },
        message: {
          get: () => {
            throw new Error('message')
          },
        },
        stack: {
          get: () => {
            throw new Error('stack')
          },
        },
      })
    })
  })
  expect((await scene.run('hostile')).state).toBe('FAILURE')
  expect(scene.pool.running).toBe(0)
})
