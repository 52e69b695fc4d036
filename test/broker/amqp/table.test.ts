import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plainHeader, wireTagOf, WireValue, type HeaderValue } from '../../../src/protocol/headers.ts'
import { readTable } from '../../../src/broker/amqp/wire/table-reader.ts'
import { decodeTable, encodeTable, readerOf, referenceTable, typedTables, type Typed } from './wire-bytes.ts'

/** The tags of a value as it was read, to be held against what was written. */
function tagsOf(value: HeaderValue): unknown {
  if (Array.isArray(value)) return (value as HeaderValue[]).map(tagsOf)
  const tag = wireTagOf(value)
  return tag === 'F' ? Object.entries(value as object).map(([key, item]) => [key, tagsOf(item as HeaderValue)]) : tag
}

function typesOf(typed: Typed): unknown {
  if (typed.tag === 'A') return typed.items.map(typesOf)
  return typed.tag === 'F' ? typed.entries.map(([key, item]) => [key, typesOf(item)]) : typed.tag
}

describe('a field table', () => {
  test('of any values of any tag is read whole and written again byte for byte', () => {
    fc.assert(
      fc.property(typedTables, (entries) => {
        const bytes = referenceTable(entries)
        const { table, undecodable, left } = decodeTable(bytes)
        expect(undecodable).toBeUndefined()
        expect(left).toBe(0)
        expect(tagsOf(table)).toEqual(typesOf({ tag: 'F', entries }))
        expect(encodeTable(table).equals(bytes)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  test('of plain values comes back as it was', () => {
    const plain = fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.string({ unit: 'grapheme' }),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noDefaultInfinity: true, noNaN: true, noInteger: true }),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
      fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    )
    const nested = fc.oneof(
      plain,
      fc.array(plain),
      fc.dictionary(fc.string({ maxLength: 9 }), plain, { noNullPrototype: true }),
    )
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 9 }), nested, { noNullPrototype: true }), (table) => {
        expect(decodeTable(encodeTable(table)).table).toEqual(table)
      }),
      { numRuns: 1_000 },
    )
  })

  test('is read the same, whatever was read before it by the same reader', () => {
    const words = fc.constantFrom('', 'a', 'b', 'ab', 'task', 'é', 'ÿ', '\ufffd', 'x'.repeat(64), 'x'.repeat(65))
    const value = fc.oneof(
      words,
      fc.integer({ min: 0, max: 1 }),
      fc.dictionary(words, words, { noNullPrototype: true }),
    )
    const tables = fc.array(fc.dictionary(words, value, { noNullPrototype: true }), { maxLength: 40 })
    fc.assert(
      fc.property(tables, (list) => {
        const reader = readerOf(Buffer.concat(list.map(encodeTable)))
        expect(list.map(() => readTable(reader, {}))).toEqual(list)
        expect(reader.left).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  test('has the tags that every Celery reads alike for integers', () => {
    const tags = [
      0,
      127,
      128,
      300,
      40_000,
      2 ** 31 - 1,
      -(2 ** 31),
      2 ** 31,
      -(2 ** 31) - 1,
      2n ** 62n,
      -(2n ** 62n),
    ].map((value) => String.fromCharCode(encodeTable({ n: value })[6] as number))
    expect(tags.join('')).toBe('IIIIIIIlLlL')
  })

  test('leaves members out that are undefined', () => {
    expect(decodeTable(encodeTable({ a: 1, b: undefined as never, c: 2 })).table).toEqual({ a: 1, c: 2 })
  })

  test.each([
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['an integer past 64 bits', 2n ** 63n],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a function', () => 1],
    ['an int8 past its width', new WireValue('b', 128)],
    ['a fraction with an integer tag', new WireValue('I', 1.5)],
    ['a decimal past 32 bits', new WireValue('D', { scale: 1, digits: 2 ** 31 })],
    ['a decimal with a fraction for scale', new WireValue('D', { scale: 0.5, digits: 1 })],
    ['bytes with a number tag', new WireValue('I', new Uint8Array(1))],
    ['a number with a text tag', new WireValue('S', 1)],
    ['a decimal with another tag', new WireValue('d', { scale: 0, digits: 1 })],
    ['a timestamp before 1970', new WireValue('T', -1n)],
  ])('refuses %s, naming where it stands', (_, value) => {
    expect(() => encodeTable({ a: [{ b: value as never }] })).toThrow(
      expect.objectContaining({
        code: 'ENCODE_FAILED',
        details: expect.objectContaining({ path: '$.headers.a[0].b' }),
      }),
    )
  })

  test('refuses names past 255 bytes, and values that lie in themselves', () => {
    expect(() => encodeTable({ ['é'.repeat(128)]: 1 })).toThrow(/longer than 255 bytes/)
    const loop: Record<string, HeaderValue> = {}
    loop.again = loop
    expect(() => encodeTable(loop)).toThrow(/nested deeper than 100/)
  })

  test('with an unknown tag is given up there, with a note, and what follows the table is read', () => {
    const good = referenceTable([['a', { tag: 'I', value: 1 }]])
    const bad = Buffer.concat([good.subarray(4), Buffer.from([1, 0x62, 0x7a, 1, 2, 3])])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bad.length)
    const { table, undecodable, left } = decodeTable(Buffer.concat([length, bad, Buffer.from('rest')]))
    expect(table).toEqual({ a: 1 })
    expect(undecodable).toBe('header "b": The broker sent what AMQP 0-9-1 does not allow: tag 122 is unknown')
    expect(left).toBe(4)
  })

  test('with an unknown tag inside of a list keeps what stands behind the list', () => {
    const list = Buffer.from([0x41, 0, 0, 0, 3, 0x56, 0x7a, 9])
    const body = Buffer.concat([Buffer.from([1, 0x61]), list, Buffer.from([1, 0x62, 0x56])])
    const { table, undecodable } = decodeTable(Buffer.concat([Buffer.from([0, 0, 0, body.length]), body]))
    expect(table).toEqual({ a: [null], b: null })
    expect(undecodable).toContain('list item 1')
  })

  test('nested thousands deep is given up, not the stack', () => {
    let bytes = Buffer.alloc(0)
    for (let i = 0; i < 15_000; i++) {
      const head = Buffer.from([1, 0x61, 0x46, 0, 0, 0, 0])
      head.writeUInt32BE(bytes.length, 3)
      bytes = Buffer.concat([head, bytes])
    }
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    expect(decodeTable(Buffer.concat([length, bytes])).undecodable).toContain('nested deeper than 100')
  })

  test('longer than what it stands in is an error, not a look at the neighbours', () => {
    expect(() => decodeTable(Buffer.from([0, 0, 0, 5, 1, 0x61, 0x56]))).toThrow(
      expect.objectContaining({ code: 'WIRE_INVALID' }),
    )
  })

  test('shows decimals as text, with their sign, at any scale', () => {
    const plain = (digits: number, scale: number): unknown => plainHeader(new WireValue('D', { digits, scale }))
    expect([plain(-314, 2), plain(5, 3), plain(-5, 0), plain(2 ** 31 - 1, 9)]).toEqual([
      '-3.14',
      '0.005',
      '-5',
      '2.147483647',
    ])
    expect(plain(1, 255)).toBe(`0.${'0'.repeat(254)}1`)
  })
})
