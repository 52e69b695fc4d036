import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openPool } from '../../src/pool/open.ts'
import { poolSuite } from '../../src/testing/pool-suite.ts'
import { app } from '../../src/testing/pool/tasks.ts'

/** Runs the suite of pools on a kind. */
export function runPoolSuite(kind: Parameters<typeof openPool>[0]): void {
  const modules = [fileURLToPath(new URL('../../src/testing/pool/tasks.ts', import.meta.url))]
  poolSuite({ test, expect }, (size) =>
    openPool(kind, {
      app,
      hostname: 'lovage@suite',
      size,
      clock: systemClock,
      accept: ['application/json'],
      types: 'typed',
      maxBodyBytes: 100_000,
      ...(kind !== 'async' && { perChild: 4, modules }),
    }),
  )
}
