import { payloadText, payloadValue } from '../../protocol/outcome.ts'
import type { PoolSuiteContext } from './scene.ts'

/** Arguments go in, the result comes out, many at once. */
export function runTests({ scene, ownScene, expect }: PoolSuiteContext): void {
  scene('a task gets its arguments and its result comes back', async (pool) => {
    const args = [1, 'two', [3, null], { four: 4.5 }, 'jůnī 文', 12345678901234567890n]
    const outcome = await pool.run('echo', args)
    expect(outcome.state).toBe('SUCCESS')
    expect(payloadValue(outcome.result)).toEqual(args)
    expect(outcome.traceback).toBe(null)
  })

  scene('the result comes encoded, as Python writes it', async (pool) => {
    expect(payloadText((await pool.run('later', ['ü'])).result)).toBe('{"x": "\\u00fc"}')
  })

  scene('a task that returns nothing has the result null', async (pool) => {
    expect(payloadText((await pool.run('nothing')).result)).toBe('null')
  })

  scene('arguments by name reach their parameters', async (pool) => {
    const outcome = await pool.run('named', [], { kwargs: { y: 2, x: 5 } })
    expect(payloadValue(outcome.result)).toBe(3)
  })

  scene('the outcome says when it was done, how long it ran, and whose part it is', async (pool) => {
    const outcome = await pool.run('add', [1, 2], { group: 'g', parentId: 'p' })
    expect(outcome).toMatchObject({ groupId: 'g', parentId: 'p' })
    expect(outcome.doneAtMs ?? 0).toBeGreaterThan(1_600_000_000_000)
    expect(outcome.runMs ?? -1).toBeGreaterThan(-1)
    expect((outcome.runMs ?? Infinity) < 10_000).toBe(true)
  })

  scene('a task can see what runs it', async (pool) => {
    const { job, outcome } = pool.start('about-me', [1], { retries: 2, group: 'g' })
    expect(payloadValue((await outcome).result)).toEqual({
      id: job.request.id,
      name: 'about-me',
      args: [1],
      kwargs: {},
      retries: 2,
      delivery: { exchange: '', routingKey: 'celery', redelivered: false },
      hostname: 'lovage@suite',
      group: 'g',
    })
  })

  scene('tasks that wait run at the same time, and each knows itself', async (pool) => {
    const running = [1, 2, 3, 4].map(() => pool.start('until-aborted'))
    await Promise.all(running.map(({ started }) => started))
    expect(pool.pool.running).toBe(4)
    // The last first: none waits for another.
    for (const { job, outcome } of running.toReversed()) {
      expect(pool.pool.abort(job, new Error(job.request.id))).toBe(true)
      expect(payloadValue((await outcome).result)).toBe(job.request.id)
    }
    expect(pool.pool.running).toBe(0)
  })

  ownScene('the pool has its size and takes another', async ({ pool }) => {
    expect(pool.size).toBe(4)
    pool.resize(2)
    expect(pool.size).toBe(2)
    pool.resize(6)
    expect(pool.size).toBe(6)
  })

  scene('what a task reports comes in order, as it was then, and before the outcome', async (pool) => {
    const { outcome, updates, job } = pool.start('progress', [3])
    expect(payloadValue((await outcome).result)).toBe(3)
    expect(updates.map(({ state, result }) => [state, payloadText(result)])).toEqual([
      ['PROGRESS', '{"step": 1}'],
      ['PROGRESS', '{"step": 2}'],
      ['PROGRESS', '{"step": 3}'],
      ['NEARLY', 'null'],
    ])
    expect(updates.every(({ id }) => id === job.request.id)).toBe(true)
  })

  scene('a packed body is read', async (pool) => {
    const outcome = await pool.run('add', [], { body: PACKED_ADD_2_3, compression: 'application/x-gzip' })
    expect(payloadValue(outcome.result)).toBe(5)
  })

  ownScene('a stopped pool can be stopped again', async ({ pool }) => {
    await pool.stop()
    await pool.stop()
    expect(pool.running).toBe(0)
  })
}

/** zlib of `[[2, 3], {}, {}]`. */
const PACKED_ADD_2_3 = Uint8Array.from(atob('eJyLjjbSUTCO1VGorgXhWAAkWwSq'), (char) => char.charCodeAt(0))
