import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../../src/base/backoff.ts'

const ONE_BELOW = 1 - Number.EPSILON

describe('backoff', () => {
  it('doubles from the first wait up to the longest', () => {
    const waits = [0, 1, 2, 3, 4, 5].map((attempt) =>
      backoffMs(attempt, { baseMs: 100, maxMs: 1_000, jitter: false }, 0),
    )
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000])
  })

  it('grows by another factor when told', () => {
    expect(backoffMs(2, { baseMs: 10, maxMs: 1e6, factor: 3, jitter: false }, 0.5)).toBe(90)
  })

  it('draws the wait from nothing to its full length', () => {
    const options = { baseMs: 100, maxMs: 1_000 }
    expect(backoffMs(1, options, 0)).toBe(0)
    expect(backoffMs(1, options, 0.5)).toBe(100)
    expect(backoffMs(1, options, ONE_BELOW)).toBeLessThanOrEqual(200)
  })

  const backoff = fc.record({
    baseMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    maxMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    factor: fc.double({ min: 1, max: 1e9, noNaN: true }),
  })
  const attempt = fc.oneof(fc.nat({ max: 80 }), fc.maxSafeNat())

  it('is never longer than the longest wait, never negative, never endless', () => {
    fc.assert(
      fc.property(
        attempt,
        backoff,
        fc.boolean(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, given, jitter, drawn) => {
          const wait = backoffMs(n, { ...given, jitter }, drawn)
          expect(wait).toBeGreaterThanOrEqual(0)
          expect(wait).toBeLessThanOrEqual(given.maxMs)
        },
      ),
    )
  })

  it('never shrinks from one try to the next', () => {
    fc.assert(
      fc.property(fc.nat({ max: 200 }), backoff, (n, given) => {
        const full = { ...given, jitter: false }
        expect(backoffMs(n + 1, full, 0)).toBeGreaterThanOrEqual(backoffMs(n, full, 0))
      }),
    )
  })
})
