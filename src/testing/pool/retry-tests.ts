import { failureIn, type PoolSuiteContext } from './scene.ts'

/** Retries, refusals and tasks that want no result. */
export function retryTests({ scene, expect }: PoolSuiteContext): void {
  scene('a task may ask to be run again, after the wait of its options', async (pool) => {
    const outcome = await pool.run('retry', [null])
    expect(outcome).toMatchObject({ state: 'RETRY', retry: { delayMs: 7_000 } })
    expect(failureIn(outcome).exc_type).toBe('Retry')
  })

  scene('or after a wait of its own', async (pool) => {
    expect((await pool.run('retry', [1_500])).retry).toEqual({ delayMs: 1_500 })
  })

  scene('a retry carries its cause', async (pool) => {
    const outcome = await pool.run('retry-because')
    expect(outcome).toMatchObject({ state: 'RETRY', retry: { delayMs: 0 } })
    expect(failureIn(outcome)).toMatchObject({ exc_type: 'OrderError', exc_message: ['out of stock'] })
  })

  scene('when retries are used up the cause is the failure', async (pool) => {
    const outcome = await pool.run('retry-because', [], { retries: 1 })
    expect(outcome.state).toBe('FAILURE')
    expect(failureIn(outcome)).toMatchObject({ exc_type: 'OrderError', exc_message: ['out of stock'] })
    expect(outcome.traceback).toMatch(/out of stock/)
  })

  scene("or, without a cause, Celery's MaxRetriesExceededError in Celery's words", async (pool) => {
    expect((await pool.run('retry', [1], { retries: 1 })).state).toBe('RETRY')
    const { job, outcome } = pool.start('retry', [1], { retries: 2, argsrepr: '(1,)', kwargsrepr: '{}' })
    expect(failureIn(await outcome)).toEqual({
      exc_type: 'MaxRetriesExceededError',
      exc_message: [`Can't retry retry[${job.request.id}] args:(1,) kwargs:{}`],
      exc_module: 'celery.exceptions',
    })
  })

  scene('a task is retried on the errors that its options name, by class or by name', async (pool) => {
    for (const kind of ['range', 'order']) expect((await pool.run('retry-on', [kind])).state, kind).toBe('RETRY')
    const other = await pool.run('retry-on', ['type'])
    expect(other.state).toBe('FAILURE')
    expect(failureIn(other).exc_type).toBe('TypeError')
  })

  scene('the waits double', async (pool) => {
    const waits: unknown[] = []
    for (const retries of [0, 1, 2]) waits.push((await pool.run('retry-on', ['range'], { retries })).retry?.delayMs)
    expect(waits).toEqual([1_000, 2_000, 4_000])
    expect((await pool.run('retry-on', ['range'], { retries: 3 })).state).toBe('FAILURE')
  })

  scene('dontRetryOn wins, and arguments that do not fit are never retried', async (pool) => {
    expect((await pool.run('dont-retry-on', ['type'])).state).toBe('FAILURE')
    expect((await pool.run('dont-retry-on', ['other'])).state).toBe('RETRY')
    expect((await pool.run('dont-retry-on')).state).toBe('FAILURE')
  })

  scene('a task may want no result', async (pool) => {
    expect((await pool.run('ignore')).state).toBe('IGNORED')
  })

  scene('a task may reject its message, to the dead letters or back to the queue', async (pool) => {
    const away = await pool.run('reject')
    expect(away).toMatchObject({ state: 'REJECTED', dead: { code: 'TASK_REJECTED' } })
    expect(away.dead?.message).toMatch(/not mine/)
    const back = await pool.run('reject-requeue')
    expect(back).toMatchObject({ state: 'REJECTED', requeue: true })
    expect(back.dead).toBeUndefined()
  })
}
