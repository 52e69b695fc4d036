import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Seats } from '../../src/base/seats.ts'

const itemOf = (name: number): { name: number; seat: number } => ({ name, seat: -1 })

describe('seats', () => {
  test('hold what a Set holds, in its order, whoever goes and comes', () => {
    const step = fc.record({ comes: fc.boolean(), at: fc.nat() })
    const steps = fc.array(step, { maxLength: 300 })
    fc.assert(
      fc.property(steps, (all) => {
        const [seats, set] = [new Seats<{ name: number; seat: number }>(), new Set<{ name: number; seat: number }>()]
        for (const [i, { comes, at }] of all.entries()) {
          const there = [...set]
          const gone = there[at % Math.max(1, there.length)]
          if (comes || !gone) {
            const item = itemOf(i)
            seats.add(item)
            set.add(item)
          } else expect([seats.delete(gone), set.delete(gone)]).toEqual([true, true])
        }
        expect(seats.size).toBe(set.size)
        expect(seats.all()).toEqual([...set])
        for (const item of set) expect(seats.has(item)).toBe(true)
      }),
    )
  })

  test('know who has gone, and who stands in others', () => {
    const [here, elsewhere] = [new Seats(), new Seats()]
    const [one, two] = [itemOf(1), itemOf(2)]
    here.add(one)
    elsewhere.add(two)
    expect([here.has(two), here.delete(two), elsewhere.size]).toEqual([false, false, 1])
    expect([here.delete(one), here.delete(one), here.has(one), here.size]).toEqual([true, false, false, 0])
  })

  test('take no more room than twice those who stand: who comes takes the place of who has gone', () => {
    const seats = new Seats<{ name: number; seat: number }>()
    const row = Array.from({ length: 10 }, (_, i) => itemOf(i))
    for (const item of row) seats.add(item)
    let highest = 0
    for (let i = 0; i < 10_000; i++) {
      const [first] = seats.all()
      if (first) seats.delete(first)
      const next = itemOf(10 + i)
      seats.add(next)
      highest = Math.max(highest, next.seat)
    }
    expect(seats.all().map(({ name }) => name)).toEqual(Array.from({ length: 10 }, (_, i) => 10_000 + i))
    expect(highest).toBeLessThan(32)
  })
})
