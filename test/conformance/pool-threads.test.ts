import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openPool } from '../../src/pool/open.ts'
import { poolSuite } from '../../src/testing/pool-suite.ts'
import { app } from '../../src/testing/pool/tasks.ts'

// Its first start has all sources translated.
vi.setConfig({ testTimeout: 60_000 })

poolSuite({ test, expect }, (size) =>
  openPool('threads', {
    app,
    hostname: 'lovage@suite',
    size,
    clock: systemClock,
    accept: ['application/json'],
    types: 'typed',
    maxBodyBytes: 100_000,
    perChild: 4,
    modules: [fileURLToPath(new URL('../../src/testing/pool/tasks.ts', import.meta.url))],
  }),
)
