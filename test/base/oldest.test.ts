import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Oldest } from '../../src/base/oldest.ts'

test('the oldest is that which came first of those that are left, whatever goes and comes', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ kind: 'add' } as const) },
    { weight: 3, arbitrary: fc.constant({ kind: 'shift' } as const) },
    { weight: 3, arbitrary: fc.nat().map((place) => ({ kind: 'delete', place }) as const) },
    { weight: 1, arbitrary: fc.nat().map((place) => ({ kind: 'replace', place }) as const) },
    { weight: 3, arbitrary: fc.constant({ kind: 'look' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'clear' } as const) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500, size: 'max' }), (steps) => {
      const map = new Map<number, { n: number }>()
      const oldest = new Oldest(map, ({ n }) => n)
      let last = 0
      const put = (n: number): void => {
        const value = { n }
        map.set(n, value)
        oldest.add(value)
      }
      const keyAt = (place: number): number => [...map.keys()][place % Math.max(1, map.size)] ?? -1
      for (const one of steps) {
        if (one.kind === 'add') put(++last)
        else if (one.kind === 'shift' && oldest.value) map.delete(oldest.value.n)
        else if (one.kind === 'delete') map.delete(keyAt(one.place))
        else if (one.kind === 'clear') map.clear()
        else if (one.kind === 'replace' && map.size > 0) {
          const n = keyAt(one.place)
          map.delete(n)
          put(n)
        } else expect(oldest.value).toBe([...map.values()][0])
      }
      expect(oldest.value).toBe([...map.values()][0])
    }),
    { numRuns: 200 },
  )
})

test('what has left is let go of, also behind one that stays', () => {
  const map = new Map<number, { n: number }>()
  const held = new Set<number>()
  const oldest = new Oldest(map, ({ n }) => (held.add(n), n))
  for (let n = 0; n < 10_000; n++) {
    const value = { n }
    map.set(n, value)
    oldest.add(value)
    if (n > 0) map.delete(n)
  }
  map.delete(0)
  held.clear()
  expect(oldest.value).toBeUndefined()
  expect(held.size).toBeLessThan(100)
})
