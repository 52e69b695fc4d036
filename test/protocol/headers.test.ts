import { describe, expect, test } from 'vitest'
import { plainHeader, wireTagOf, WireValue, type HeaderValue } from '../../src/protocol/headers.ts'

describe('each plain value has one wire type', () => {
  test.each<[HeaderValue, string]>([
    [null, 'V'],
    [true, 't'],
    ['', 'S'],
    [new Uint8Array(), 'x'],
    [[1], 'A'],
    [{ a: 1 }, 'F'],
    [0, 'I'],
    [-1, 'I'],
    [2 ** 31 - 1, 'I'],
    [-(2 ** 31), 'I'],
    [2 ** 31, 'l'],
    [-(2 ** 31) - 1, 'L'],
    [5n, 'I'],
    [2n ** 40n, 'l'],
    [-(2n ** 40n), 'L'],
    [1.5, 'd'],
    [NaN, 'd'],
    [1e300, 'd'],
    [new WireValue('d', 1), 'd'],
    [new WireValue('T', 1n), 'T'],
  ])('number %#', (value, tag) => {
    expect(wireTagOf(value)).toBe(tag)
  })
})

describe('readers get values without wire types', () => {
  test.each<[HeaderValue | undefined, unknown]>([
    [undefined, undefined],
    ['a', 'a'],
    [new WireValue('d', 1), 1],
    [new WireValue('T', 1n), 1],
    [new WireValue('L', 2n ** 60n), 2n ** 60n],
    [new WireValue('D', { digits: 1234, scale: 2 }), '12.34'],
  ])('number %#', (value, plain) => {
    expect(plainHeader(value)).toBe(plain)
  })
})
