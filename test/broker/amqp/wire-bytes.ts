import fc from 'fast-check'
import { HeadersCache } from '../../../src/broker/amqp/wire/headers-cache.ts'
import { type BasicProperties, readProperties, writeProperties } from '../../../src/broker/amqp/wire/properties.ts'
import { ByteReader } from '../../../src/broker/amqp/wire/reader.ts'
import { readTable, type TableNotes } from '../../../src/broker/amqp/wire/table-reader.ts'
import { writeTable } from '../../../src/broker/amqp/wire/table-writer.ts'
import { ByteWriter } from '../../../src/broker/amqp/wire/writer.ts'
import type { Headers, WireTag } from '../../../src/protocol/headers.ts'

/** What `write` writes, through a writer whose first slab is too small, so that it must move. */
export function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(8)
  write(writer)
  return Buffer.concat(writer.take())
}

/** A reader over `bytes`, which lie between other bytes as they do in a socket's chunk. */
export function readerOf(bytes: Uint8Array): ByteReader {
  const chunk = Buffer.concat([Buffer.alloc(3, 0xaa), bytes, Buffer.alloc(300, 0xbb)])
  return new ByteReader().over(chunk, 3, 3 + bytes.length)
}

export function encodeTable(table: Headers): Buffer {
  return written((writer) => writeTable(writer, table, '$.headers'))
}

export function decodeTable(bytes: Uint8Array): { table: Headers; undecodable: string | undefined; left: number } {
  const notes: TableNotes = {}
  const reader = readerOf(bytes)
  const table = readTable(reader, notes)
  return { table, undecodable: notes.undecodable, left: reader.left }
}

export function encodeProperties(properties: BasicProperties, cache: HeadersCache = new HeadersCache()): Buffer {
  return written((writer) => writeProperties(writer, properties, cache))
}

export function decodeProperties(bytes: Uint8Array): { properties: BasicProperties; undecodable: string | undefined } {
  const notes: TableNotes = {}
  return { properties: readProperties(readerOf(bytes), notes), undecodable: notes.undecodable }
}

/** A value as it stands on the wire, for the reference encoder below. */
export type Typed =
  | { tag: Exclude<WireTag, 'A' | 'F' | 'D' | 'S' | 'x' | 'V'>; value: number | bigint }
  | { tag: 'D'; scale: number; digits: number }
  | { tag: 'S' | 'x'; bytes: Uint8Array }
  | { tag: 'V' }
  | { tag: 'A'; items: Typed[] }
  | { tag: 'F'; entries: [string, Typed][] }

const prefixed = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** The plainest encoder there can be: what ours is measured against. */
export function referenceValue(typed: Typed): Buffer {
  const tag = Buffer.from(typed.tag, 'latin1')
  if (typed.tag === 'V') return tag
  if (typed.tag === 'A') return Buffer.concat([tag, prefixed(Buffer.concat(typed.items.map(referenceValue)))])
  if (typed.tag === 'F') return Buffer.concat([tag, referenceTable(typed.entries)])
  if ('bytes' in typed) return Buffer.concat([tag, prefixed(typed.bytes)])
  const bytes = Buffer.alloc(8)
  if ('digits' in typed) {
    bytes.writeUInt8(typed.scale)
    bytes.writeInt32BE(typed.digits, 1)
    return Buffer.concat([tag, bytes.subarray(0, 5)])
  }
  const { value } = typed
  const size = {
    t: () => bytes.writeUInt8(Number(value)),
    b: () => bytes.writeInt8(Number(value)),
    B: () => bytes.writeUInt8(Number(value)),
    U: () => bytes.writeInt16BE(Number(value)),
    s: () => bytes.writeInt16BE(Number(value)),
    u: () => bytes.writeUInt16BE(Number(value)),
    I: () => bytes.writeInt32BE(Number(value)),
    i: () => bytes.writeUInt32BE(Number(value)),
    l: () => bytes.writeBigInt64BE(BigInt(value)),
    L: () => bytes.writeBigInt64BE(BigInt(value)),
    T: () => bytes.writeBigUInt64BE(BigInt(value)),
    f: () => bytes.writeFloatBE(Number(value)),
    d: () => bytes.writeDoubleBE(Number(value)),
  }[typed.tag]()
  return Buffer.concat([tag, bytes.subarray(0, size)])
}

export function referenceTable(entries: readonly (readonly [string, Typed])[]): Buffer {
  const parts = entries.flatMap(([key, value]) => {
    const name = Buffer.from(key)
    return [Buffer.from([name.length]), name, referenceValue(value)]
  })
  return prefixed(Buffer.concat(parts))
}

/** Names as headers have them, and as they should not. Not numbers: JavaScript puts those first, whatever the order was. */
export const names: fc.Arbitrary<string> = fc.oneof(
  fc.stringMatching(/^[a-z_-]{1,20}$/),
  fc.constantFrom('', '__proto__', 'constructor', 'toString', 'x-death', 'é'.repeat(127), 'n'.repeat(255)),
  fc.string({ unit: 'grapheme', maxLength: 20 }).filter((name) => !/^\d+$/.test(name) && Buffer.byteLength(name) < 256),
)

const int = (min: number, max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, 0))
const big = (min: bigint, max: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 53n, 2n ** 53n + 1n))
const int64 = fc.oneof(
  big(-(2n ** 63n), 2n ** 63n - 1n),
  fc.constantFrom(-(2n ** 31n), -(2n ** 31n) - 1n, -(2n ** 53n)),
)
const texts = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
  // The replacement character itself is good UTF-8; surrogates, overlong forms and stray bytes are not.
  fc.constantFrom('efbfbd', 'eda080', 'c0af', 'ff', '80', 'f8888080', '61ff62').map((hex) => Buffer.from(hex, 'hex')),
)
const whole = (tag: 'b' | 'B' | 'U' | 's' | 'u' | 'I' | 'i', min: number, max: number): fc.Arbitrary<Typed> =>
  int(min, max).map((value) => ({ tag, value }))

/** Every tag, every width to its edges. */
export const typedValues: fc.Arbitrary<Typed> = fc.letrec<{ value: Typed }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof<fc.Arbitrary<Typed>[]>(
      fc.constant<Typed>({ tag: 'V' }),
      fc.boolean().map((value) => ({ tag: 't', value: Number(value) })),
      whole('b', -0x80, 0x7f),
      whole('B', 0, 0xff),
      whole('U', -0x8000, 0x7fff),
      whole('s', -0x8000, 0x7fff),
      whole('u', 0, 0xffff),
      whole('I', -0x8000_0000, 0x7fff_ffff),
      whole('i', 0, 0xffff_ffff),
      int64.map((value) => ({ tag: 'l', value })),
      int64.map((value) => ({ tag: 'L', value })),
      big(0n, 2n ** 64n - 1n).map((value) => ({ tag: 'T', value })),
      fc.float({ noDefaultInfinity: true, noNaN: true }).map((value) => ({ tag: 'f', value })),
      fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => ({ tag: 'd', value })),
      fc.constantFrom(-0, 1, 2 ** 53, 2 ** 63, -(2 ** 63), 1e300).map((value) => ({ tag: 'd', value })),
      fc.tuple(int(0, 255), int(-0x8000_0000, 0x7fff_ffff)).map(([scale, digits]) => ({ tag: 'D', scale, digits })),
      texts.map((bytes) => ({ tag: 'S', bytes })),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ tag: 'x', bytes })),
    ),
    fc.array(tie('value'), { maxLength: 5 }).map((items): Typed => ({ tag: 'A', items })),
    entriesOf(tie('value')).map((entries): Typed => ({ tag: 'F', entries })),
  ),
})).value

function entriesOf(value: fc.Arbitrary<Typed>): fc.Arbitrary<[string, Typed][]> {
  return fc.uniqueArray(fc.tuple(names, value), { selector: ([key]) => key, maxLength: 6 })
}

export const typedTables: fc.Arbitrary<[string, Typed][]> = entriesOf(typedValues)
