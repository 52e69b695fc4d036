import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ring } from '../../src/base/ring.ts'

test('behaves as a list that is pushed and shifted, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(60)), { maxLength: 60 }), (steps) => {
      const ring = new Ring<number>()
      const list: number[] = []
      let next = 0
      for (const [isPush, count] of steps) {
        for (let i = 0; i < count; i++) {
          if (isPush) {
            ring.push(next)
            list.push(next++)
          } else {
            expect(ring.peek()).toBe(list[0])
            expect(ring.shift()).toBe(list.shift())
          }
        }
        expect(ring.size).toBe(list.length)
        expect([...ring]).toEqual(list)
      }
    }),
  )
})

test('keeps its order while it grows and shrinks by thousands', () => {
  const ring = new Ring<number>()
  for (let i = 0; i < 10_000; i++) ring.push(i)
  for (let i = 0; i < 9_990; i++) expect(ring.shift()).toBe(i)
  ring.push(10_000)
  expect([...ring]).toEqual([9990, 9991, 9992, 9993, 9994, 9995, 9996, 9997, 9998, 9999, 10_000])
})
