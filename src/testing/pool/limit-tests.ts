import { SoftTimeLimitExceeded, WorkerStopping } from '../../app/control-flow.ts'
import { payloadValue } from '../../protocol/outcome.ts'
import { failureIn, type PoolSuiteContext } from './scene.ts'

/** Time limits, signals, stops. */
export function limitTests({ scene, ownScene, expect }: PoolSuiteContext): void {
  scene('a job may be ended with an outcome that somebody else has decided', async (pool) => {
    for (const task of ['never', 'until-aborted']) {
      const { job, started, outcome } = pool.start(task)
      await started
      const decided = { id: job.request.id, state: 'REVOKED', result: { text: '"by me"' }, traceback: null }
      expect(pool.pool.end(job, decided, new Error('revoked'))).toBe(true)
      expect(await outcome, task).toMatchObject({ id: job.request.id, state: 'REVOKED' })
      expect(pool.pool.end(job, decided, new Error('again'))).toBe(false)
      expect(pool.pool.running).toBe(0)
    }
  })

  scene('the soft time limit of the message aborts the signal', async (pool) => {
    const outcome = await pool.run('until-aborted', [], { timelimit: [null, 0.02] })
    expect(outcome.state).toBe('SUCCESS')
    expect(payloadValue(outcome.result)).toBe('the soft time limit of 20 ms is over')
  })

  scene('a task that lets it through fails with SoftTimeLimitExceeded, however it comes out', async (pool) => {
    for (const task of ['lets-abort-through', 'wraps-abort']) {
      const outcome = await pool.run(task, [], { timelimit: [null, 0.001] })
      expect(outcome.state, task).toBe('FAILURE')
      expect(failureIn(outcome), task).toEqual({
        exc_type: 'SoftTimeLimitExceeded',
        exc_message: [],
        exc_module: 'billiard.exceptions',
      })
    }
  })

  scene('the hard time limit ends the task, whatever it does', async (pool) => {
    const outcome = await pool.run('never', [], { timelimit: [0.02, null] })
    expect(outcome.state).toBe('FAILURE')
    expect(outcome.traceback).toBe(null)
    expect(failureIn(outcome)).toEqual({
      exc_type: 'TimeLimitExceeded',
      exc_message: [0.02],
      exc_module: 'billiard.exceptions',
    })
    expect(pool.pool.running).toBe(0)
  })

  scene('limits of the task hold where the message names none', async (pool) => {
    expect(failureIn(await pool.run('soft-limited')).exc_type).toBe('SoftTimeLimitExceeded')
    expect(failureIn(await pool.run('hard-limited')).exc_message).toEqual([0.02])
    expect(failureIn(await pool.run('hard-limited', [], { timelimit: [0.001, null] })).exc_message).toEqual([0.001])
  })

  scene('abort reaches the job it names and no other', async (pool) => {
    const [one, two] = [pool.start('until-aborted'), pool.start('until-aborted')]
    await Promise.all([one.started, two.started])
    expect(pool.pool.abort(two.job, new Error('only you'))).toBe(true)
    expect(payloadValue((await two.outcome).result)).toBe('only you')
    expect(pool.pool.running).toBe(1)
    expect(pool.pool.abort(two.job, new Error('again'))).toBe(false)
    pool.pool.abort(one.job, new Error('and you'))
    expect(payloadValue((await one.outcome).result)).toBe('and you')
  })

  scene('a task that ends because the worker stops is handed back', async (pool) => {
    for (const task of ['lets-abort-through', 'wraps-abort']) {
      const { job, started, outcome } = pool.start(task)
      await started
      pool.pool.abort(job, new WorkerStopping())
      const ended = await outcome
      expect(ended, task).toMatchObject({ state: 'REJECTED', requeue: true })
      expect(ended.dead).toBeUndefined()
    }
  })

  scene('one that ends in time although the worker stops has its result', async (pool) => {
    const { job, started, outcome } = pool.start('until-aborted')
    await started
    pool.pool.abort(job, new WorkerStopping())
    expect((await outcome).state).toBe('SUCCESS')
  })

  scene('the first reason stays', async (pool) => {
    const { job, started, outcome } = pool.start('lets-abort-through')
    await started
    pool.pool.abort(job, new SoftTimeLimitExceeded(1))
    pool.pool.abort(job, new WorkerStopping())
    expect(failureIn(await outcome).exc_type).toBe('SoftTimeLimitExceeded')
  })

  ownScene('stop gives up what still runs, and hands it back', async (pool) => {
    const running = [pool.start('never'), pool.start('until-aborted')]
    await Promise.all(running.map(({ started }) => started))
    await pool.pool.stop()
    for (const { outcome } of running) expect(await outcome).toMatchObject({ state: 'REJECTED', requeue: true })
    expect(pool.pool.running).toBe(0)
  })
}
