import { expect, test } from 'vitest'
import { currentTask } from '../../src/index.ts'
import { Bench } from './bench.ts'

const patience = { timeout: '60s' } as const

function limited(bench: Bench) {
  const seen = (): readonly (number | null)[] => currentTask().request.timelimit
  return { bare: bench.app.task('bare', seen), own: bench.app.task('own', { timeLimit: '7s' }, seen) }
}

test('limits of the worker are those of tasks that have none', async () => {
  await using bench = new Bench()
  const { bare, own } = limited(bench)
  await bench.worker({ timeLimit: '5s', softTimeLimit: '4s' })
  expect(await bare.delay().get(patience)).toEqual([5, 4])
  expect(await own.delay().get(patience)).toEqual([7, 4])
  expect(await bare.applyAsync([], { softTimeLimit: '1s' }).get(patience)).toEqual([5, 1])
})

test('a task that has no limit of its own ends at that of its worker', async () => {
  await using bench = new Bench()
  const never = bench.app.task('never', () => new Promise(() => {}))
  await bench.worker({ timeLimit: 20 })
  await expect(never.delay().get(patience)).rejects.toMatchObject({ excType: 'TimeLimitExceeded' })
})

test('a soft limit that is not the shorter is refused', async () => {
  await using bench = new Bench()
  await expect(bench.worker({ timeLimit: '5s', softTimeLimit: '5s' })).rejects.toThrow('is not shorter than timeLimit')
})
