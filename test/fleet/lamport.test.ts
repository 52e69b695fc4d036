import { describe, expect, test } from 'vitest'
import { LamportClock } from '../../src/fleet/lamport.ts'

describe('a Lamport clock', () => {
  test('begins at 0 and goes one on with each thing that is sent', () => {
    const clock = new LamportClock()
    expect(clock.value).toBe(0)
    expect([clock.forward(), clock.forward()]).toEqual([1, 2])
    expect(clock.value).toBe(2)
  })

  test('is later than both sides with each thing that is heard', () => {
    const clock = new LamportClock(10)
    expect(clock.adjust(40)).toBe(41)
    expect(clock.adjust(3)).toBe(42)
    expect(clock.forward()).toBe(43)
  })

  test('orders what was told after it was heard behind it', () => {
    const one = new LamportClock(700)
    const other = new LamportClock()
    const sent = one.forward()
    other.adjust(sent)
    expect(other.forward()).toBeGreaterThan(sent)
  })

  test.each([undefined, null, '7', 1.5, NaN, Infinity, -4, 2 ** 53, Number.MAX_SAFE_INTEGER, 10n])(
    'goes on where another node writes %s for its time',
    (other) => {
      const clock = new LamportClock(5)
      expect(clock.adjust(other)).toBe(6)
      expect(clock.forward()).toBe(7)
    },
  )
})
