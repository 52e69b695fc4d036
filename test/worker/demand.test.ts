import { expect, test } from 'vitest'
import { Demand, type DemandOptions, type Load } from '../../src/worker/demand.ts'

const options: DemandOptions = {
  slots: 10,
  prefetch: 11,
  prefetchMultiplier: undefined,
  maxHeld: 1_000,
  highWater: 100,
  lowWater: 40,
}
const idle: Load = { size: 10, free: 10, waiting: 0, held: 0, leased: 0 }

/** What is asked for after each change. */
function asked(changed: Partial<DemandOptions>, ...loads: Partial<Load>[]): number[] {
  const demand = new Demand({ ...options, ...changed })
  return loads.map((load) => demand.prefetch({ ...idle, ...load }))
}

test('one message beyond the slots is wanted, however many are free', () => {
  expect(asked({}, {}, { free: 3 }, { free: 0, waiting: 1 }, { free: 0, waiting: 5 })).toEqual([11, 11, 11, 11])
})

test('as many beyond the slots as at the start, when there are more slots or fewer', () => {
  expect(asked({}, { size: 20, free: 20 }, { size: 1, free: 0 })).toEqual([21, 2])
  expect(asked({ prefetch: 10 }, { size: 20, free: 20 })).toEqual([20])
})

test('a multiplier multiplies the slots there are, and 0 has the high water mark beyond them', () => {
  expect(asked({ prefetchMultiplier: 4 }, {}, { size: 20, free: 0 })).toEqual([40, 80])
  expect(asked({ prefetchMultiplier: 0 }, {}, { size: 20, free: 0 })).toEqual([110, 120])
})

test('each that waits where others could run lets one more come, and a full worker keeps what it has asked for', () => {
  const loads = [{ waiting: 30 }, { free: 0, waiting: 30 }, { free: 0, waiting: 60 }, { free: 0, waiting: 9 }, {}]
  expect(asked({}, ...loads)).toEqual([41, 40, 40, 19, 11])
})

test('at the high water mark no more is wanted until the low one is reached', () => {
  const loads = [99, 100, 99, 41, 40, 99].map((waiting) => ({ free: 4, waiting }))
  // 6 run: with 41 to wait and 6 to run nothing comes until one has gone.
  expect(asked({}, ...loads)).toEqual([110, 46, 46, 46, 51, 110])
})

test('what is held is added, up to its own bound, and what is under a lease taken off', () => {
  expect(asked({}, { held: 7 }, { held: 5_000 }, { held: 7, leased: 5 }, { leased: 50 })).toEqual([18, 1_011, 13, 1])
})

test('more than a million are not wanted', () => {
  expect(asked({ highWater: 1_000_001 }, { waiting: 1_000_000 })).toEqual([1_000_000])
})
