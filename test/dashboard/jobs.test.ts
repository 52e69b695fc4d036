import { expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { Jobs } from '../../src/dashboard/jobs.ts'

it('jobs are bounded', async () => {
  const jobs = new Jobs(systemClock, () => {})
  const plan = { title: 't', by: 'ana', targets: ['a'], atOnce: 1, stopOnFailure: false }
  for (let at = 0; at < 60; at++) {
    await new Promise<void>((resolve) => {
      jobs.start({ ...plan, run: async () => ({ isError: false, text: '' }), onOver: () => resolve() })
    })
  }
  expect(jobs.list()).toHaveLength(50)
  const never = (): Promise<never> => new Promise(() => {})
  for (let at = 0; at < 10; at++) jobs.start({ ...plan, run: never })
  expect(() => jobs.start({ ...plan, run: never })).toThrow('ten others run')
  expect(() => jobs.start({ ...plan, targets: Array.from({ length: 10_001 }, String), run: never })).toThrow(
    'more than',
  )
})
