import { describe, expect, test } from 'vitest'
import { encodeJson, type EncodeOptions } from '../../src/protocol/json.ts'

describe('JSON is written as Python writes it', () => {
  test.each<[string, unknown, string]>([
    ['spaces after the separators', { a: [1, 2], b: { c: null } }, '{"a": [1, 2], "b": {"c": null}}'],
    ['empty lists and objects', [[], {}], '[[], {}]'],
    ['words', [true, false, null], '[true, false, null]'],
    ['text in ASCII', 'héllo 日本 😀', String.raw`"h\u00e9llo \u65e5\u672c \ud83d\ude00"`],
    [
      'control characters',
      'a"b\\c\b\f\n\r\t\u0000\u001f\u007f\u2028',
      String.raw`"a\"b\\c\b\f\n\r\t\u0000\u001f\u007f\u2028"`,
    ],
    ['a lone surrogate', '\ud800', String.raw`"\ud800"`],
    ['long text', `${'x'.repeat(40)}é`, `"${'x'.repeat(40)}\\u00e9"`],
    ['names of members', { 'é"': 1 }, String.raw`{"\u00e9\"": 1}`],
    ['integers', [0, -0, -1, 2 ** 31, 2 ** 53 - 1], '[0, 0, -1, 2147483648, 9007199254740991]'],
    ['numbers too large to be integers', [-(2 ** 53), 1e16, 12e19], '[-9007199254740992.0, 1e+16, 1.2e+20]'],
    ['floats', [0.1, -1.5, 1e21, 1.5e300, 5e-324], '[0.1, -1.5, 1e+21, 1.5e+300, 5e-324]'],
    ['small floats', [0.0001, 0.00001, 1.5e-7, -0.00002], '[0.0001, 1e-05, 1.5e-07, -2e-05]'],
    ['big integers', [2n ** 64n, -1n], '[18446744073709551616, -1]'],
    ['a time', new Date(0), '{"__type__": "datetime", "__value__": "1970-01-01T00:00:00+00:00"}'],
    [
      'a time with milliseconds',
      new Date(1500),
      '{"__type__": "datetime", "__value__": "1970-01-01T00:00:01.500000+00:00"}',
    ],
    [
      'bytes that are text',
      new TextEncoder().encode('utf8 é'),
      String.raw`{"__type__": "bytes", "__value__": "utf8 \u00e9"}`,
    ],
    ['bytes that are none', new Uint8Array([0xff, 0xfe, 0]), '{"__type__": "base64", "__value__": "//4A"}'],
    ['a Buffer, in spite of its toJSON', Buffer.from('ab'), '{"__type__": "bytes", "__value__": "ab"}'],
  ])('%s', (_, value, text) => {
    expect(encodeJson(value)).toBe(text)
  })

  test('in the plain form a time is text and ends in Z, as kombu 5.2 has it', () => {
    expect(encodeJson([new Date(1500), new Date(0)], { types: 'plain' })).toBe(
      '["1970-01-01T00:00:01.500000Z", "1970-01-01T00:00:00Z"]',
    )
  })
})

describe('what JSON.stringify does is done', () => {
  test.each<[string, unknown, string]>([
    ['undefined members are left out', { a: undefined, b: 1, c: undefined }, '{"b": 1}'],
    ['undefined elsewhere is null', [undefined], '[null]'],
    ['undefined alone is null', undefined, 'null'],
    ['holes are null', [1, , 2], '[1, null, 2]'],
    ['toJSON is asked', { toJSON: () => [1] }, '[1]'],
    ['toJSON gets the name', { a: { toJSON: (name: string) => name } }, '{"a": "a"}'],
    ['toJSON is asked once', { toJSON: () => ({ toJSON: 1, a: 2 }) }, '{"toJSON": 1, "a": 2}'],
    ['a URL is text', new URL('http://localhost/'), '"http://localhost/"'],
    ['boxed values are unboxed', [new Number(1), new String('a'), new Boolean(false)], '[1, "a", false]'],
    ['symbols as names are left out', { [Symbol('s')]: 1, a: 1 }, '{"a": 1}'],
    ['objects without a prototype', Object.assign(Object.create(null), { a: 1 }), '{"a": 1}'],
    ['an object seen twice, not in itself', [{}, {}].map((_, __, all) => all[0]), '[{}, {}]'],
    ['a member called __proto__', JSON.parse('{"__proto__": {"a": 1}}'), '{"__proto__": {"a": 1}}'],
  ])('%s', (_, value, text) => {
    expect(encodeJson(value)).toBe(text)
  })

  test('an instance of a class is written by its own members', () => {
    class Point {
      x = 1
      #hidden = 2
      get y(): number {
        return this.#hidden
      }
    }
    expect(encodeJson(new Point())).toBe('{"x": 1}')
  })
})

describe('what cannot be written is named with its place', () => {
  const circular: Record<string, unknown> = { a: [0, { b: {} }] }
  ;(circular.a as [0, { b: unknown }])[1].b = circular
  const deep = JSON.parse('['.repeat(513) + ']'.repeat(513)) as unknown
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()

  test.each<[string, unknown, string, EncodeOptions?]>([
    ['NaN', { a: [1, NaN] }, '$.a[1] cannot be encoded: it is NaN'],
    ['Infinity', [-Infinity], '$[0] cannot be encoded: it is -Infinity'],
    ['a function', { f: () => 1 }, '$.f cannot be encoded: it is a function'],
    ['a symbol', [Symbol('s')], '$[0] cannot be encoded: it is a symbol'],
    ['a Map', { a: { b: new Map() } }, '$.a.b cannot be encoded: it is a Map'],
    ['a Set', new Set(), '$ cannot be encoded: it is a Set'],
    ['a Promise', [Promise.resolve()], '$[0] cannot be encoded: it is a Promise; await it first'],
    ['an Error', { e: new Error('x') }, '$.e cannot be encoded: it is an Error'],
    ['a RegExp', /x/, '$ cannot be encoded: it is a RegExp'],
    ['a WeakMap', new WeakMap(), '$ cannot be encoded: it is a WeakMap'],
    ['a Float64Array', new Float64Array(1), '$ cannot be encoded: it is a buffer'],
    ['an ArrayBuffer', new ArrayBuffer(1), '$ cannot be encoded: it is a buffer'],
    ['an invalid Date', [new Date(NaN)], '$[0] cannot be encoded: it is an invalid Date'],
    ['a Date that Python has not', new Date(-1e14), '$ cannot be encoded: it is an invalid Date, or one outside'],
    ['bytes in the plain form', [Buffer.from('a')], '$[0] cannot be encoded: it is bytes', { types: 'plain' }],
    ['a circular value', circular, '$.a[1].b cannot be encoded: it is circular: it contains $ again'],
    ['a value nested too deep', deep, 'it is nested deeper than 512'],
    ['an endless toJSON', { a: { toJSON: endless } }, 'it is nested deeper than 512'],
    [
      'a getter in a list that throws',
      Object.defineProperty([1, 2], 1, {
        get() {
          throw new Error('no')
        },
      }),
      '$[1] cannot be encoded: reading it threw: no',
    ],
    [
      'a getter that throws',
      {
        a: {
          get b() {
            throw new Error('no')
          },
        },
      },
      '$.a.b cannot be encoded: reading it threw: no',
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
      '$[0] cannot be encoded: reading it threw: no',
    ],
    ['a revoked proxy', [revoked.proxy], '$[0] cannot be encoded: reading it threw'],
    ['an odd name', { 'a b': { '': NaN } }, '$["a b"][""] cannot be encoded'],
    ['a type that Python drops', [{ __type__: 'x', __value__: 1 }], '$[0] cannot be encoded: its __type__ "x" is none'],
    ['a huge integer', 10n ** 4300n, '$ cannot be encoded: it is an integer of more than 4300 digits'],
    ['a place given by the caller', [NaN], '$.args[0] cannot be encoded', { path: '$.args' }],
  ])('%s', (_, value, message, options) => {
    expect(() => encodeJson(value, options)).toThrow(
      expect.objectContaining({ code: 'ENCODE_FAILED', message: expect.stringContaining(message) as string }),
    )
  })

  test('what a getter threw is the cause', () => {
    const cause = new Error('no')
    const value = {
      get b() {
        throw cause
      },
    }
    expect(() => encodeJson(value)).toThrow(expect.objectContaining({ cause }))
  })

  test('a type that Python knows passes: the way to send a Decimal', () => {
    const decimal = { __type__: 'decimal', __value__: '1.50' }
    expect(encodeJson(decimal)).toBe('{"__type__": "decimal", "__value__": "1.50"}')
  })
})

function endless(): unknown {
  return { a: { toJSON: endless } }
}
