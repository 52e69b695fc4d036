import type { Pool } from '../pool/pool.ts'
import { failureTests } from './pool/failure-tests.ts'
import { limitTests } from './pool/limit-tests.ts'
import { retryTests } from './pool/retry-tests.ts'
import { runTests } from './pool/run-tests.ts'
import { PoolScene, type PoolSuiteContext } from './pool/scene.ts'
import type { SuiteRunner } from './runner.ts'

/**
 * What holds for every kind of pool. `open` makes an unstarted pool of that size which runs the tasks of
 * `testing/pool/tasks.ts`, accepts JSON, and takes bodies of up to 100,000 bytes. The tests run one after the other: most
 * of them share one pool, which must be as good after each as it was before.
 */
export function poolSuite({ test, expect }: SuiteRunner, open: (size: number) => Pool | Promise<Pool>): void {
  let shared: Promise<Pool> | undefined
  const begin = async (): Promise<Pool> => {
    const pool = await open(SIZE)
    await pool.start()
    return pool
  }
  const context: PoolSuiteContext = {
    expect,
    scene: (name, play) => {
      test(name, async () => play(new PoolScene(await (shared ??= begin()))))
    },
    ownScene: (name, play) => {
      test(name, async () => {
        const pool = await begin()
        try {
          await play(new PoolScene(pool))
        } finally {
          await pool.stop()
        }
      })
    },
  }
  runTests(context)
  failureTests(context)
  retryTests(context)
  limitTests(context)
  test('the pool that all of these ran in has nothing left, and stops', async () => {
    const pool = await shared
    expect(pool?.running).toBe(0)
    await pool?.stop()
  })
}

/** Slots of the pools. */
const SIZE = 4
