import fc from 'fast-check'
import { test } from 'vitest'
import { KeptEngineModel, STEP } from './kept-engine-model.ts'

const LONG = { timeout: 120_000 }

test(
  'whatever happens to an engine, and whenever it is killed or loses its power, its journal keeps what was confirmed',
  LONG,
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 40, maxLength: 150 }), (steps) => new KeptEngineModel().run(steps)),
      { numRuns: 120 },
    )
  },
)
