import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFieldTable } from '../../src/broker/amqp/decode-table.ts'
import { encodeFieldTable } from '../../src/broker/amqp/encode-table.ts'
import { type HeaderValue, type Headers, WireValue } from '../../src/protocol/headers.ts'

const buffer = Buffer.alloc(65_536)

function encoded(headers: Headers): Buffer {
  const length = encodeFieldTable(headers, buffer, 0)
  return Buffer.from(buffer.subarray(4, length))
}

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

/** What the reader makes of any integer: the plain form that keeps its tag. */
const integer = int64.map((value) => (value === BigInt(Number(value)) && isSafe(value) ? Number(value) : value))

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
}

const typed = fc.oneof(
  fc.integer({ min: -128, max: 127 }).map((value) => new WireValue('b', value)),
  fc.integer({ min: 0, max: 255 }).map((value) => new WireValue('B', value)),
  fc.integer({ min: -32_768, max: 32_767 }).map((value) => new WireValue('s', value)),
  fc.integer({ min: 0, max: 65_535 }).map((value) => new WireValue('u', value)),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value) => new WireValue('i', value)),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => new WireValue('f', value)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 31n - 1n }).map((value) => new WireValue('l', value)),
  fc.bigInt({ min: -(2n ** 31n), max: 2n ** 63n - 1n }).map((value) => new WireValue('L', value)),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => new WireValue('T', value)),
  fc.integer({ min: -(2 ** 53), max: 2 ** 53 }).map((value) => new WireValue('d', value)),
  fc.record({ digits: fc.integer(), scale: fc.nat(255) }).map((value) => new WireValue('D', value)),
)

const { headers } = fc.letrec<{ headers: Headers; value: HeaderValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary' }),
    fc.constantFrom(null, true, false),
    integer,
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Number.isInteger(value)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    typed,
    fc.array(tie('value'), { maxLength: 5 }),
    tie('headers'),
  ),
  headers: fc.dictionary(fc.string({ maxLength: 20, unit: 'binary' }), tie('value'), {
    maxKeys: 8,
    noNullPrototype: true,
  }),
}))

test('every table comes back from the wire with the types it had, and is written the same again', () => {
  fc.assert(
    fc.property(headers, (table) => {
      const bytes = encoded(table)
      const { fields, problem } = decodeFieldTable(bytes)
      expect(problem).toBeUndefined()
      expect(fields).toEqual(table)
      expect(Object.keys(fields)).toEqual(Object.keys(table))
      expect(encoded(fields).equals(bytes)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

test('no bytes make the reader throw or read beyond them, and what it made of them can be passed on', () => {
  const mutated = fc.tuple(headers, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }), fc.nat())
  fc.assert(
    fc.property(mutated, ([table, changes, cut]) => {
      const bytes = encoded(table)
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value
      const { fields } = decodeFieldTable(bytes.subarray(0, cut % (bytes.length + 1)))
      try {
        encoded(fields)
      } catch (error) {
        // RabbitMQ lets no endless number through; they can be read, and not be written.
        expect(error).toMatchObject({ code: 'ENCODE_FAILED' })
      }
    }),
    { numRuns: 5000 },
  )
})
