import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ring } from '../../src/base/ring.ts'

describe('a ring', () => {
  it('gives back in the order in which it was given', () => {
    const ring = new Ring<number>()
    expect([ring.size, ring.peek(), ring.shift()]).toEqual([0, undefined, undefined])
    ring.push(1)
    ring.push(2)
    expect([ring.size, ring.peek(), ring.shift(), ring.shift(), ring.shift()]).toEqual([2, 1, 1, 2, undefined])
  })

  it('does what a list would do, also where it grows, shrinks and runs around', () => {
    const burst = fc.record({ push: fc.nat({ max: 3_000 }), shift: fc.nat({ max: 3_500 }) })
    fc.assert(
      fc.property(fc.array(burst, { maxLength: 12 }), (bursts) => {
        const ring = new Ring<number>()
        let list: number[] = []
        let next = 0
        for (const { push, shift } of bursts) {
          for (let i = 0; i < push; i++) {
            ring.push(next)
            list.push(next++)
          }
          const taken = Array.from({ length: Math.min(shift, ring.size) }, () => ring.shift())
          expect(taken).toEqual(list.slice(0, taken.length))
          list = list.slice(taken.length)
          expect(ring.size).toBe(list.length)
          expect(ring.peek()).toBe(list[0])
        }
      }),
      { numRuns: 50 },
    )
  })
})
