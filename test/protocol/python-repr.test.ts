import { describe, expect, test } from 'vitest'
import { argsRepr, kwargsRepr, pythonRepr } from '../../src/protocol/python-repr.ts'

test('arguments are a tuple, named ones a dict', () => {
  expect(argsRepr([])).toBe('()')
  expect(argsRepr([1])).toBe('(1,)')
  expect(argsRepr([1, 'a', null])).toBe("(1, 'a', None)")
  expect(kwargsRepr({})).toBe('{}')
  expect(kwargsRepr({ x: 1, flag: true })).toBe("{'x': 1, 'flag': True}")
})

describe('a value is shown as Python would show it', () => {
  test.each<[unknown, string]>([
    [[null, undefined, true, false], '[None, None, True, False]'],
    [[1, -1.5, 1e16, 1e21, 1e-7, NaN, Infinity, -Infinity], '[1, -1.5, 1e+16, 1e+21, 1e-07, nan, inf, -inf]'],
    [2n ** 64n, '18446744073709551616'],
    ['it\'s "raw" \\ \n \u0000 é', "'it\\'s \"raw\" \\ \n \u0000 é'"],
    [new TextEncoder().encode("é'"), "b'é''"],
    [new Uint8Array([0xff, 0x00]), "b'ff00'"],
    [new Date(Date.UTC(2024, 0, 2, 3, 4)), 'datetime.datetime(2024, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)'],
    [new Date(Date.UTC(2024, 0, 2, 3, 4, 5)), 'datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)'],
    [
      new Date(Date.UTC(2024, 0, 2, 3, 4, 0, 6)),
      'datetime.datetime(2024, 1, 2, 3, 4, 0, 6000, tzinfo=datetime.timezone.utc)',
    ],
    [{ a: [], b: {}, c: undefined, d: 1 }, "{'a': [], 'b': {}, 'd': 1}"],
    [[new Set(), new Set([1, 'a'])], "[set(), {1, 'a'}]"],
    [
      new Map<unknown, unknown>([
        [1, 2],
        ['a', [3]],
      ]),
      "{1: 2, 'a': [3]}",
    ],
    [{ toJSON: () => ({ x: 1 }) }, "{'x': 1}"],
    [[new Number(1), new String('a')], "[1, 'a']"],
    [[[[[1]]], { a: { b: { c: 1 } } }], "[[[[...]]], {'a': {'b': {...}}}]"],
    [[[[[], {}]]], '[[[[...], {...}]]]'],
  ])('number %#', (value, text) => {
    expect(pythonRepr(value)).toBe(text)
  })
})

describe('it never throws', () => {
  const revoked = Proxy.revocable([], {})
  revoked.revoke()
  const circular: unknown[] = []
  circular.push(circular)

  test.each<[string, unknown, string]>([
    ['functions and symbols', [() => 1, Symbol('s')], '[<function>, <symbol>]'],
    ['an invalid Date', new Date(NaN), '<Invalid Date>'],
    ['circular values', circular, '[[[[...]]]]'],
    [
      'a getter that throws',
      {
        get a() {
          throw new Error('no')
        },
        b: 1,
      },
      "{'a': <unreadable>, 'b': 1}",
    ],
    [
      'a toJSON that throws',
      [
        {
          toJSON: () => {
            throw new Error('no')
          },
        },
      ],
      '[<unreadable>]',
    ],
    ['a revoked proxy', [revoked.proxy], '<unreadable>'],
  ])('for %s', (_, value, text) => {
    expect(pythonRepr(value)).toBe(text)
  })
})

// The expected texts are what celery.utils.saferepr 5.2.6 gives for the same values.
describe('long values are cut where Celery cuts them', () => {
  const cut = (value: unknown, maxLength: number): string => pythonRepr(value, { maxLength })

  test.each<[string, unknown, number, string]>([
    ['text at its last space', 'hello brave new world', 12, "'hello brave...'"],
    ['text without a space', 'abcdefghij', 5, "'abcde...'"],
    ['text by code points', '😀😀😀😀😀😀', 4, "'😀😀😀😀...'"],
    ['text that just fits', 'abcd', 5, "'abcd'"],
    ['a list', [1, 2, 3, 4, 5, 6], 8, '[1, 2, 3..., ...]'],
    ['a dict', { a: 'one', b: 'two' }, 9, "{'a': 'one...', ...}"],
    ['a dict in its name', { abcdefghijkl: 1 }, 6, "{'abcde...', ...}"],
    ['a list at its opening bracket', ['abcde', [1]], 9, "['abcde', , ...]]"],
    ['a list at its closing bracket', [123456], 7, '[123456..., ...'],
    ['bytes', new TextEncoder().encode('abcdefgh'), 4, "b'abcd...'"],
    ['bytes after the budget is spent', ['abcdefgh', new Uint8Array(3)], 3, "['ab...', ...]"],
    ['a number', 1234567890, 4, '1234...'],
  ])('%s', (_, value, maxLength, text) => {
    expect(cut(value, maxLength)).toBe(text)
  })

  test('a million members are shown in no time', () => {
    expect(argsRepr(Array.from({ length: 1_000_000 }, (_, n) => n)).length).toBeLessThan(1040)
  })
})
