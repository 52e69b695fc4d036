import fc from 'fast-check'
import { test } from 'vitest'
import { KeptEngineModel } from './kept-engine-model.ts'
import { STEPS } from './kept-engine-steps.ts'

const LONG = { timeout: 120_000 }

test('an engine that is killed or loses its power at any step keeps what was confirmed', LONG, async () => {
  const keeps = fc.asyncProperty(STEPS, (steps) => new KeptEngineModel().run(steps))
  await fc.assert(keeps, { numRuns: 120 })
})
