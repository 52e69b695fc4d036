import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { milliseconds, type Duration } from '../../src/base/duration.ts'
import { isLovageError } from '../../src/base/errors.ts'

describe('a duration', () => {
  it.each<[Duration, number]>([
    [0, 0],
    [1_500, 1_500],
    [0.5, 0.5],
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%j is %d ms', (value, ms) => {
    expect(milliseconds(value)).toBe(ms)
  })

  it.each<[unknown, string]>([
    [-1, '-1'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    ['', '""'],
    ['10', '"10"'],
    ['10 s', '"10 s"'],
    ['s', '"s"'],
    ['-5s', '"-5s"'],
    ['1e3s', '"1e3s"'],
    ['5s\n', '"5s\\n"'],
    ['10sec', '"10sec"'],
    [`${'9'.repeat(400)}s`, '"999'],
    [null, 'null'],
    [undefined, 'undefined'],
    [10n, '10'],
    [{}, '[object Object]'],
    [Object.create(null), '[object Object]'],
    [Symbol('ten'), 'Symbol(ten)'],
  ])('%s is none', (value, told) => {
    const error = thrownBy(() => milliseconds(value as Duration))
    expect(isLovageError(error, 'DURATION_INVALID')).toBe(true)
    expect((error as Error).message).toContain(told)
    expect((error as Error).message).toContain('is not a duration')
  })

  it('is the same as a text and as a number', () => {
    fc.assert(
      fc.property(fc.nat(), (ms) => {
        expect(milliseconds(`${ms}ms`)).toBe(ms)
        expect(milliseconds(`${ms}s`)).toBe(ms * 1_000)
      }),
    )
  })

  it('is none for any other text', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)),
        (text) => {
          expect(() => milliseconds(text as Duration)).toThrow('is not a duration')
        },
      ),
    )
  })
})

function thrownBy(fn: () => unknown): unknown {
  try {
    fn()
  } catch (error) {
    return error
  }
  return expect.unreachable('it did not throw')
}
