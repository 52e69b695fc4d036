import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readMethod, writeMethod } from '../../../src/broker/amqp/wire/method-codec.ts'
import { METHODS, methodId, type Args, type MethodName } from '../../../src/broker/amqp/wire/methods.ts'
import { decodeTable, readerOf, referenceTable, typedTables, written } from './wire-bytes.ts'

const ALL = Object.keys(METHODS) as MethodName[]
const kindsOf = (name: MethodName): [string, string][] => Object.entries(METHODS[name].args)

const shortText = fc.string({ unit: 'grapheme', maxLength: 255 }).filter((text) => Buffer.byteLength(text) < 256)
const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  bit: fc.boolean(),
  octet: fc.integer({ min: 0, max: 0xff }),
  short: fc.integer({ min: 0, max: 0xffff }),
  long: fc.integer({ min: 0, max: 0xffff_ffff }),
  longlong: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.maxSafeNat()),
  shortstr: shortText,
  longstr: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  table: typedTables.map((entries) => decodeTable(referenceTable(entries)).table),
}

const isReal = ([, kind]: [string, string]): boolean => !kind.startsWith('-')

function argsOf(name: MethodName): fc.Arbitrary<Record<string, unknown>> {
  const entries = kindsOf(name).filter(isReal)
  return fc.record(Object.fromEntries(entries.map(([arg, kind]) => [arg, VALUES[kind] as fc.Arbitrary<unknown>])))
}

const encode = (name: MethodName, args: object): Buffer => written((writer) => writeMethod(writer, name, args))
const decode = (bytes: Uint8Array): { name: string; args: object } => readMethod(readerOf(bytes), {})

describe('every method', () => {
  test.each(ALL)('%s comes back as it was', (name) => {
    fc.assert(
      fc.property(argsOf(name), (args) => {
        const bytes = encode(name, args)
        expect(decode(bytes)).toEqual({ name, args })
        expect(encode(name, decode(bytes).args).equals(bytes)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test.each(ALL)('%s cut short anywhere is an error, never a guess', (name) => {
    const [args] = fc.sample(argsOf(name), { numRuns: 1, seed: 7 })
    const bytes = encode(name, args as object)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decode(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: 'WIRE_INVALID' }))
    }
  })

  test('has an id of its own, and answers that exist', () => {
    expect(new Set(ALL.map(methodId)).size).toBe(ALL.length)
    for (const name of ALL) {
      const spec: { args: object; replies?: readonly string[] } = METHODS[name]
      for (const reply of spec.replies ?? []) expect(METHODS).toHaveProperty([reply])
    }
  })
})

test('what is left out is zero, empty and false', () => {
  expect(decode(encode('queue.declare', { queue: 'q', durable: true })).args).toEqual({
    queue: 'q',
    passive: false,
    durable: true,
    exclusive: false,
    autoDelete: false,
    nowait: false,
    arguments: {},
  })
})

test('numbers that do not fit are refused by name', () => {
  for (const value of [-1, 65_536, 1.5, Number.NaN, '1']) {
    expect(() => encode('basic.qos', { prefetchCount: value })).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ path: 'basic.qos.prefetchCount' }) }),
    )
  }
  expect(() => encode('queue.declare', { queue: 'x'.repeat(256) })).toThrow(/longer than 255 bytes/)
})

test('an unknown method and an impossible delivery tag are errors', () => {
  expect(() => decode(Buffer.from([0, 99, 0, 1]))).toThrow(/method 99.1 is unknown/)
  const ack = encode('basic.ack', { deliveryTag: 1 })
  ack[4] = 0xff
  expect(() => decode(ack)).toThrow(expect.objectContaining({ code: 'WIRE_INVALID' }))
})

describe("amqplib's codec", () => {
  const require = createRequire(import.meta.url)
  const defs = require(join(dirname(require.resolve('amqplib')), 'lib/defs.js')) as {
    decode(id: number, bytes: Buffer): Record<string, unknown>
    encodeMethod(id: number, channel: number, fields: object): Buffer
    info(id: number): { args: { name: string; type: string }[] }
  }
  /** Arguments without tables: those have a test of their own. */
  const plainArgs = (name: MethodName): fc.Arbitrary<Record<string, unknown>> =>
    argsOf(name).map((args) =>
      Object.fromEntries(
        Object.entries(args).map(([arg, value]) => [arg, METHODS[name].args[arg as never] === 'table' ? {} : value]),
      ),
    )

  test.each(ALL)('agrees on %s, both ways', (name) => {
    const theirs = defs.info(methodId(name)).args
    expect(theirs.map(({ type }) => type)).toEqual(kindsOf(name).map(([, kind]) => kind.replace('-', '')))
    fc.assert(
      fc.property(plainArgs(name), (args) => {
        const bytes = encode(name, args)
        const read = defs.decode(methodId(name), bytes.subarray(4))
        const values = kindsOf(name).map(([arg, kind]) => (kind.startsWith('-') ? undefined : args[arg]))
        for (const [i, { name: theirName }] of theirs.entries()) {
          if (values[i] !== undefined) expect(read[theirName]).toEqual(values[i])
        }
        const frame = defs.encodeMethod(methodId(name), 1, read)
        expect(frame.subarray(7, -1).equals(bytes)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })
})

/** Types as well: what is reserved is not asked for, what is answered is known. */
test('arguments are typed by the table', () => {
  const args: Partial<Args<'basic.publish'>> = { exchange: '', routingKey: 'q', mandatory: true }
  // @ts-expect-error -- reserved
  const reserved: Partial<Args<'basic.publish'>> = { ticket: 1 }
  expect([args, reserved]).toHaveLength(2)
})
