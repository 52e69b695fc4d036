import { describe, expect, test } from 'vitest'
import { hasEscapedName } from '../../src/protocol/json-read.ts'
import { decodeJson, decodeRawJson } from '../../src/protocol/json.ts'

describe('Python JSON is read', () => {
  test.each<[string, string, unknown]>([
    ['NaN and the endless numbers', '[NaN, Infinity, -Infinity]', [NaN, Infinity, -Infinity]],
    ['the same deep inside', '{"a": {"b": [1, NaN]}, "c": "NaN"}', { a: { b: [1, NaN] }, c: 'NaN' }],
    ['an integer that a number cannot hold', '9007199254740993', 9007199254740993n],
    ['the last that it can', '[9007199254740991, -9007199254740991]', [9007199254740991, -9007199254740991]],
    ['a negative one', '{"a": -18446744073709551617}', { a: -18446744073709551617n }],
    ['a long float', '[0.30000000000000004, 1234567890123456789.5]', [0.30000000000000004, 1234567890123456789.5]],
    ['a long integer with an exponent', '12345678901234567890e1', 12345678901234567890e1],
    ['digits inside of text', '"id: 12345678901234567890"', 'id: 12345678901234567890'],
    [
      'text beside a big integer',
      String.raw`["\u00e9\n\"\\", 12345678901234567890]`,
      ['é\n"\\', 12345678901234567890n],
    ],
    ['space around everything', ' \n{ "a" : [ NaN , 1 ] } \t\r', { a: [NaN, 1] }],
    ['empty ones beside NaN', '[{}, [], "", NaN]', [{}, [], '', NaN]],
    ['the words beside NaN', '[true, false, null, NaN]', [true, false, null, NaN]],
    ['the last of two equal names', '{"a": NaN, "a": 2}', { a: 2 }],
    ['a float beyond all', '1e999', Infinity],
  ])('%s', (_, text, value) => {
    expect(decodeJson(text)).toStrictEqual(value)
  })

  test.each(['{"__proto__": {"x": 1}}', '{"__proto__": {"x": 1}, "n": NaN}'])('__proto__ is a member: %s', (text) => {
    const value = decodeJson(text) as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toContain('__proto__')
    expect(value.x).toBeUndefined()
  })
})

describe('kombu typed objects are revived', () => {
  const typed = (type: string, value: string): string => `[{"__type__": "${type}", "__value__": ${value}}]`

  test.each<[string, string, unknown]>([
    ['datetime', '"2024-01-02T03:04:05.678901+00:00"', new Date('2024-01-02T03:04:05.678Z')],
    ['datetime', '"2024-01-02T03:04:05"', new Date('2024-01-02T03:04:05Z')],
    ['datetime', '"2024-01-02T03:04:05+02:00"', new Date('2024-01-02T01:04:05Z')],
    ['date', '"2024-01-02"', new Date('2024-01-02T00:00:00Z')],
    ['time', '"03:04:05.000678"', '03:04:05.000678'],
    ['decimal', '"10.50"', '10.50'],
    ['uuid', '{"hex": "12345678123456781234567812345678"}', '12345678-1234-5678-1234-567812345678'],
    ['bytes', String.raw`"\ufeffutf8 \u00e9"`, new TextEncoder().encode('\ufeffutf8 é')],
    ['base64', '"//4A"', new Uint8Array([0xff, 0xfe, 0])],
    ['base64', '""', new Uint8Array()],
  ])('%s %s', (type, text, value) => {
    expect(decodeJson(typed(type, text))).toStrictEqual([value])
  })

  test('at the top, deep inside, beside NaN, and spelled with escapes', () => {
    const date = '{"__type__": "date", "__value__": "1970-01-01"}'
    expect(decodeJson(date)).toEqual(new Date(0))
    expect(decodeJson(`{"a": [{"b": ${date}}, NaN]}`)).toEqual({ a: [{ b: new Date(0) }, NaN] })
    const escaped = String.raw`{"\u005f_type_\u005f": "date", "__value_\u005F": "1970-01-01"}`
    expect(decodeJson(escaped)).toEqual(new Date(0))
  })

  test('only where the two names are all there is', () => {
    const text = '{"__type__": "x", "__value__": 1, "a": 2}'
    expect(decodeJson(text)).toEqual({ __type__: 'x', __value__: 1, a: 2 })
    expect(decodeJson('{"__type__": "x"}')).toEqual({ __type__: 'x' })
  })

  test('not by who passes them on', () => {
    const text = typed('x', '1')
    expect(decodeRawJson(text)).toEqual([{ __type__: 'x', __value__: 1 }])
  })

  test.each<[string, string, string]>([
    ['unknown', '1', '__type__ "unknown" is not known'],
    ['datetime', '1', '__value__ of __type__ "datetime" is not text'],
    ['datetime', '"soon"', 'is not a time'],
    ['base64', '"a"', 'is not base64'],
    ['uuid', '"1234"', 'is not a UUID'],
    ['uuid', 'null', 'is not a UUID'],
  ])('%s of %s is refused', (type, text, message) => {
    expect(() => decodeJson(typed(type, text))).toThrow(
      expect.objectContaining({ code: 'BODY_UNDECODABLE', message: expect.stringContaining(message) as string }),
    )
  })

  test('a __type__ that is no text is refused', () => {
    expect(() => decodeJson('{"__type__": [1], "__value__": 1}')).toThrow('__type__ [1] is not known')
  })
})

describe('what is no JSON is refused with its place', () => {
  test.each<[string, string]>([
    ['', 'it ends too soon'],
    ['[1', 'it ends too soon'],
    ['[1,', 'it ends too soon'],
    ['[1,]', 'unexpected "]" at position 3'],
    ['{"a" 1}', 'unexpected "1" at position 5'],
    ['{a: 1}', 'unexpected "a" at position 1'],
    ['{"a": 1,}', 'unexpected "}" at position 8'],
    ['nan', 'unexpected "n" at position 0'],
    ['-NaN', 'unexpected "-" at position 0'],
    ['01', 'unexpected "1" at position 1'],
    ['+1', 'unexpected "+" at position 0'],
    ['1.', 'unexpected "." at position 1'],
    ['[1] x', 'unexpected "x" at position 4'],
    ['"abc', 'the text that begins at position 0 does not end'],
    ['"abc\\"', 'the text that begins at position 0 does not end'],
    ['["\\x"]', 'bad escape or control character in the text at position 1'],
    ['["a\nb"]', 'bad escape or control character in the text at position 1'],
    ['\ufeff1', 'unexpected "\ufeff" at position 0'],
    [`${'['.repeat(513)}${']'.repeat(513)}`, 'nested deeper than 512'],
    ['['.repeat(100_000), 'nested deeper than 512'],
    [`"]]]]${'[{'.repeat(300)}`, 'does not end'],
    ['9'.repeat(4301), 'more than 4300 digits'],
  ])('%j', (text, message) => {
    expect(() => decodeJson(text)).toThrow(
      expect.objectContaining({ code: 'BODY_UNDECODABLE', message: expect.stringContaining(message) as string }),
    )
  })

  test('nesting up to the limit is read, and brackets in text do not count', () => {
    const text = '['.repeat(512) + ']'.repeat(512)
    expect(decodeJson(text)).toEqual(JSON.parse(text))
    const brackets = JSON.stringify(['[{"\\'.repeat(1000)])
    expect(decodeJson(brackets)).toEqual(['[{"\\'.repeat(1000)])
  })

  test('an integer of 4,300 digits is read', () => {
    expect(decodeJson('9'.repeat(4300))).toBe(10n ** 4300n - 1n)
  })
})

describe('names written with escapes', () => {
  test('are not taken for others that were read before', () => {
    // JSON.parse of Node 24 and 26 does that.
    for (const [at, name] of ['"', '\n', '\r', '\u2028', 'é', '日本', '\\', '\\n', '\ud800'].entries()) {
      const first = `own${at}`
      decodeJson(`{"${first}": [], "\\\\": 0}`)
      const escaped = name.replace(/[^ -~]|["\\]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
      expect(decodeJson(`{"${first}": 1, "${escaped}": 2}`)).toEqual({ [first]: 1, [name]: 2 })
      expect(decodeJson(`{"${first}": 1, ${JSON.stringify(name)} : 2}`)).toEqual({ [first]: 1, [name]: 2 })
    }
  })

  test.each([
    ['{"a": 1}', false],
    ['{"a": "\\u00e9", "b": ["\\"", "\\\\"]}', false],
    ['["\\u00e9: ", ":"]', false],
    ['{"\\u00e9": 1}', true],
    ['{"a\\"b"\n: 1}', true],
    ['{"a": "\\n", "\\\\": 1}', true],
    ['{"a": "\\', false],
  ])('%s has such names: %s', (text, has) => {
    expect(hasEscapedName(text)).toBe(has)
  })
})
