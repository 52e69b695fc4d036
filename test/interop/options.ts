import { expect } from 'vitest'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { type App, currentTask, type Duration, retry } from '../../src/index.ts'

/** Tasks that show what a message asked for beside its arguments. */
export function addOptionTasks(app: App): void {
  const ignored: string[] = []
  app.task('ts.report', async (total: number) => {
    // For whoever listens from the answer of the broker on.
    await sleep(systemClock, 500)
    const { progress, updateState } = currentTask()
    progress({ done: 1, total })
    updateState('PACKING', ['a', { b: null }])
    return 'reported'
  })
  app.task('ts.asked', () => {
    const { custom, shadow, priority, timelimit, expires, ignoreResult } = currentTask().request
    return { custom, shadow, priority, timelimit, expires: typeof expires, ignoreResult }
  })
  app.task('ts.soft', async () => {
    await sleep(systemClock, 10_000, currentTask().signal)
  })
  app.task('ts.slow', async () => {
    await sleep(systemClock, 10_000, currentTask().signal).catch(() => {})
    await sleep(systemClock, 2_000)
  })
  app.task('ts.retried', (word: string) => {
    const { retries } = currentTask()
    if (retries < 2) throw retry({ countdown: '50ms' })
    return { word, retries }
  })
  app.task('ts.at', () => systemClock.now() / 1_000)
  app.task('ts.ignored', (label: string) => void ignored.push(label))
  app.task('ts.ignored_so_far', () => ignored)
}

/** What a Python caller saw of {@link addOptionTasks}. Celery's priorities over Redis run the other way: 0 is the highest. */
export function expectOptions(seen: Record<string, unknown>, broker: string): void {
  expect(seen).toMatchObject({
    report: 'reported',
    asked: {
      custom: { mine: 'yes', 'mine-too': [1, { deep: true }] },
      shadow: 'other',
      priority: broker.startsWith('redis') ? 6 : 3,
      timelimit: [30, 20],
      expires: 'string',
      ignoreResult: false,
    },
    expired: { type: 'TaskRevokedError', args: ['expired'], state: 'REVOKED' },
    soft: { type: 'SoftTimeLimitExceeded', state: 'FAILURE' },
    hard: { type: 'TimeLimitExceeded', state: 'FAILURE' },
    retried: { word: 'word', retries: 2 },
    ignored: ['one'],
    ignored_state: 'PENDING',
  })
  expect(seen['states']).toEqual(
    expect.arrayContaining([
      ['PROGRESS', { done: 1, total: 3 }],
      ['PACKING', ['a', { b: null }]],
    ]),
  )
  expect(seen['at']).toBeGreaterThanOrEqual(-1)
}

/** A Python worker does what we ask for beside the arguments, and tells what it does. */
export async function expectTheirOptions(app: App, queue: string): Promise<void> {
  const timeout = '60s' as const
  const failureOf = (name: string, options: object, patience: Duration = timeout): Promise<unknown> =>
    app
      .sendTask(name, [], {}, { queue, ...options })
      .get({ timeout: patience })
      .catch((error: unknown) => error)

  // Listened for before it is sent: what it tells may overtake the answer to whoever sends it.
  const taskId = systemClock.uuid()
  const states: unknown[] = []
  app.asyncResult(taskId).onUpdate(({ state, meta }) => states.push([state, meta]))
  const reported = await app.sendTask('py.report', [3], {}, { queue, taskId })
  expect(await reported.get({ timeout })).toBe('reported')
  expect(states).toEqual(
    expect.arrayContaining([
      ['PROGRESS', { done: 1, total: 3 }],
      ['PACKING', ['a', { b: null }]],
    ]),
  )

  const asked = app.sendTask<object>(
    'py.asked',
    [],
    {},
    { queue, headers: { mine: 'yes' }, shadow: 'other', expires: '60s', priority: 3 },
  )
  expect(await asked.get({ timeout })).toMatchObject({ mine: 'yes', shadow: 'other', ignore: false })

  // RabbitMQ may drop it unseen, so that nobody waits longer for what has expired.
  const expired = (await failureOf('py.add', { expires: new Date(0) }, '3s')) as { code?: string; excType?: string }
  expect([expired.code, expired.excType]).toEqual(
    expired.code ? ['RESULT_TIMEOUT', undefined] : [undefined, 'TaskRevokedError'],
  )
  expect(await app.sendTask('py.soft', [], {}, { queue, softTimeLimit: '1s' }).get({ timeout })).toBe('stopped softly')
  expect(await failureOf('py.slow', { timeLimit: '1s' })).toMatchObject({ excType: 'TimeLimitExceeded' })

  await app.sendTask('py.ignored', ['one'], {}, { queue, ignoreResult: true })
  expect(await app.sendTask('py.ignored_so_far', [], {}, { queue }).get({ timeout })).toEqual(['one'])
}
