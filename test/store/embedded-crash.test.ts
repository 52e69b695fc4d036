import { expect, test } from 'vitest'
import { killAll, killTheOwner } from './killed-owner.ts'

const patient = { timeout: 120_000 }

test.each([1, 2])(
  'the owner is killed in the midst of changes: nothing confirmed is lost, nothing happens twice (seed %i)',
  patient,
  async (seed) => {
    const { problems, confirmed } = await killTheOwner(seed, 300)
    expect(problems).toEqual([])
    expect(confirmed).toBeGreaterThan(0)
  },
)

test('the only process is killed: what it had confirmed is there', patient, async () => {
  const { problems, confirmed } = await killAll(3)
  expect(problems).toEqual([])
  expect(confirmed).toBeGreaterThan(0)
})
