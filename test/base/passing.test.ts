import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PassingMap, PassingSet } from '../../src/base/passing.ts'

/** Which key, and whether it is put in (twice as often as it is taken out), or all are taken out (seldom). */
const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 99 })), {
  minLength: 2_000,
  maxLength: 4_000,
})

it('is a map, in the order of one, however often it is renewed', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const [passing, map] = [new PassingMap<number, number>(), new Map<number, number>()]
      for (const [n, [key, what]] of all.entries()) {
        if (what === 0) {
          passing.clear()
          map.clear()
        } else if (what < 33) expect(passing.delete(key)).toBe(map.delete(key))
        else expect(passing.set(key, n).get(key)).toBe(map.set(key, n).get(key))
        expect(passing.size).toBe(map.size)
        expect(passing.has(key)).toBe(map.has(key))
      }
      expect([...passing]).toEqual([...map])
      expect([...passing.keys()]).toEqual([...map.keys()])
      expect([...passing.values()]).toEqual([...map.values()])
    }),
    { numRuns: 20 },
  )
})

it('is a set, in the order of one, however often it is renewed', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const [passing, set] = [new PassingSet<number>(), new Set<number>()]
      for (const [key, what] of all) {
        if (what === 0) {
          passing.clear()
          set.clear()
        } else if (what < 33) expect(passing.delete(key)).toBe(set.delete(key))
        else expect(passing.add(key).has(key)).toBe(set.add(key).has(key))
        expect(passing.size).toBe(set.size)
      }
      expect([...passing]).toEqual([...set])
    }),
    { numRuns: 20 },
  )
})

it('lets what it goes through be taken out', () => {
  const passing = new PassingMap<number, string>()
  for (let n = 0; n < 2_000; n++) passing.set(n, String(n))
  const seen: number[] = []
  for (const [key] of passing) {
    seen.push(key)
    passing.delete(key)
    passing.delete(key + 1)
  }
  expect(seen).toHaveLength(1_000)
  expect(passing.size).toBe(0)
})
