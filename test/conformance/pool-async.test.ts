import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openPool } from '../../src/pool/open.ts'
import { poolSuite } from '../../src/testing/pool-suite.ts'
import { app } from '../../src/testing/pool/tasks.ts'

poolSuite({ test, expect }, (size) =>
  openPool('async', {
    app,
    hostname: 'lovage@suite',
    size,
    clock: systemClock,
    accept: ['application/json'],
    types: 'typed',
    maxBodyBytes: 100_000,
  }),
)
