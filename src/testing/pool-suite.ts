import type { Pool } from '../pool/pool.ts'
import { failureTests } from './pool/failure-tests.ts'
import { limitTests } from './pool/limit-tests.ts'
import { retryTests } from './pool/retry-tests.ts'
import { runTests } from './pool/run-tests.ts'
import { PoolScene, type PoolSuiteContext } from './pool/scene.ts'
import type { SuiteRunner } from './runner.ts'

/**
 * What holds for every kind of pool. `open` makes an unstarted pool of that size which runs the tasks of
 * `testing/pool/tasks.ts`, accepts JSON, and takes bodies of up to 100,000 bytes.
 */
export function poolSuite({ test, expect }: SuiteRunner, open: (size: number) => Pool | Promise<Pool>): void {
  const context: PoolSuiteContext = {
    expect,
    scene: (name, play, size = 4) => {
      test(name, async () => {
        const pool = await open(size)
        await pool.start()
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
}
