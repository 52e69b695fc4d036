import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeadersCache } from '../../../src/broker/amqp/wire/headers-cache.ts'
import type { BasicProperties } from '../../../src/broker/amqp/wire/properties.ts'
import { WireValue, type HeaderValue, type Headers } from '../../../src/protocol/headers.ts'
import { capturedTasks, tagsOf, type CeleryVersion } from '../../protocol/captured.ts'
import {
  decodeProperties,
  decodeTable,
  encodeProperties,
  encodeTable,
  referenceTable,
  typedTables,
  written,
} from './wire-bytes.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const anyProperties: fc.Arbitrary<BasicProperties> = fc.record(
  {
    contentType: text,
    contentEncoding: text,
    headers: typedTables.map((entries) => decodeTable(referenceTable(entries)).table),
    deliveryMode: fc.integer({ min: 0, max: 255 }),
    priority: fc.integer({ min: 0, max: 255 }),
    correlationId: text,
    replyTo: text,
    expiration: text,
    messageId: text,
    timestamp: fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n })),
    type: text,
    userId: text,
    appId: text,
    clusterId: text,
  },
  { requiredKeys: [] },
)

describe('basic properties', () => {
  test('come back as they were, whichever are there', () => {
    fc.assert(
      fc.property(anyProperties, (properties) => {
        const bytes = encodeProperties(properties)
        expect(decodeProperties(bytes)).toEqual({ properties, undecodable: undefined })
        expect(encodeProperties(decodeProperties(bytes).properties).equals(bytes)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test('cut short anywhere end in a note, with what was read before', () => {
    const bytes = encodeProperties({
      contentType: 'application/json',
      headers: { task: 't' },
      correlationId: 'id',
      timestamp: 7,
    })
    for (let length = 0; length < bytes.length; length++) {
      const { properties, undecodable } = decodeProperties(bytes.subarray(0, length))
      expect(undecodable).toBeDefined()
      if (length > 19) expect(properties.contentType).toBe('application/json')
    }
  })

  test('with more flags than there are properties are read, with a note', () => {
    const { properties, undecodable } = decodeProperties(Buffer.from([0x10, 0x01, 0x80, 0x00, 0x02]))
    expect(properties).toEqual({ deliveryMode: 2 })
    expect(undecodable).toBeDefined()
  })

  test.each([
    [{ priority: 256 }, 'priority'],
    [{ deliveryMode: 1.5 }, 'deliveryMode'],
    [{ timestamp: -1 }, 'timestamp'],
    [{ timestamp: 2n ** 64n }, 'timestamp'],
    [{ correlationId: 'x'.repeat(256) }, 'correlationId'],
    [{ headers: { a: Number.NaN } }, '$.headers.a'],
  ])('of %o are refused by name', (properties, path) => {
    expect(() => encodeProperties(properties)).toThrow(
      expect.objectContaining({ code: 'ENCODE_FAILED', details: expect.objectContaining({ path }) }),
    )
  })
})

describe.each<CeleryVersion>(['5.2.6', '5.6.3'])('what py-amqp writes for Celery %s', (version) => {
  const file = new URL(`../../fixtures/celery/content-headers-${version}.json`, import.meta.url)
  const frames = JSON.parse(readFileSync(file, 'utf8')) as { case: string; index: number; b64: string }[]
  const messages = new Map(capturedTasks(version).map((message) => [`${message.case} ${message.index}`, message]))

  test('has the types that it had on the wire, and is written again byte for byte', () => {
    expect(frames.length).toBeGreaterThan(80)
    const cache = new HeadersCache()
    let compared = 0
    for (const frame of frames) {
      const bytes = Buffer.from(frame.b64, 'base64').subarray(12)
      const { properties, undecodable } = decodeProperties(bytes)
      expect(undecodable).toBeUndefined()
      const known = messages.get(`${frame.case} ${frame.index}`)
      if (known) {
        compared++
        const tags = Object.fromEntries(
          Object.entries(properties.headers ?? {}).map(([name, value]) => [name, tagsOf(value)]),
        )
        expect(tags).toEqual(known.header_types)
        expect(properties.contentType).toBe(known.properties.content_type)
        expect(properties.replyTo).toBe(known.properties.reply_to)
        expect(properties.expiration).toBe(known.properties.expiration)
      }
      expect(encodeProperties(properties).equals(bytes)).toBe(true)
      expect(encodeProperties(properties, cache).equals(bytes)).toBe(true)
    }
    expect(compared).toBeGreaterThan(60)
  })
})

describe('constant headers kept from message to message', () => {
  const value: fc.Arbitrary<HeaderValue> = fc.oneof(
    fc.constantFrom(null, true, 0, 1, -0, 1.5, 'x', '', 2n ** 40n),
    fc.constantFrom(1, 2, 3).map((n) => new WireValue('d', n)),
    fc.array(fc.constantFrom(null, 0, 'y'), { maxLength: 3 }),
    fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('p', 'q'), fc.integer({ min: 0, max: 1 }), { noNullPrototype: true }),
    fc.constant(undefined as never),
  )
  const message = fc.tuple(fc.constantFrom('t1', 't2'), fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), value))

  test('never change what is written, whatever comes in which order', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        const cache = new HeadersCache()
        for (const [task, others] of messages) {
          const headers: Headers = { lang: 'js', task, ...others }
          expect(written((writer) => cache.write(writer, headers)).equals(encodeTable(headers))).toBe(true)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('do not go stale when a list that was seen is changed afterwards', () => {
    const cache = new HeadersCache()
    const timelimit: (number | null)[] = [null, null]
    for (const limit of [null, 5, null]) {
      timelimit[0] = limit
      const headers = { task: 't', timelimit }
      expect(written((writer) => cache.write(writer, headers)).equals(encodeTable(headers))).toBe(true)
    }
  })

  test('are bounded: many tasks do not fill the memory', () => {
    const cache = new HeadersCache()
    for (let i = 0; i < 10_000; i++) {
      const headers = { task: `task ${i}`, id: 'x' }
      expect(written((writer) => cache.write(writer, headers)).length).toBeGreaterThan(20)
    }
    expect(cache.size).toBeLessThanOrEqual(256)
  })
})

describe("amqplib's codec", () => {
  const require = createRequire(import.meta.url)
  const codec = require(join(dirname(require.resolve('amqplib')), 'lib/codec.js')) as {
    decodeFields(bytes: Buffer): unknown
    encodeTable(into: Buffer, table: object, at: number): number
  }

  /** What amqplib makes of a value; it knows no negative decimals and rounds large integers. */
  function asAmqplib(value: HeaderValue): unknown {
    if (Array.isArray(value)) return (value as HeaderValue[]).map(asAmqplib)
    if (value instanceof Uint8Array || typeof value !== 'object' || value === null) {
      return typeof value === 'bigint' ? Number(value) : value
    }
    if (!(value instanceof WireValue)) {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, asAmqplib(item as HeaderValue)]))
    }
    const inner = value.value
    if (value.tag === 'T') return { '!': 'timestamp', value: Number(inner) }
    if (inner instanceof Uint8Array) return Buffer.from(inner).toString()
    if (typeof inner === 'object') return { '!': 'decimal', value: { places: inner.scale, digits: inner.digits >>> 0 } }
    return Number(inner)
  }

  test('reads what we write, where it can: no L, no U, no member named __proto__', () => {
    let read = 0
    fc.assert(
      fc.property(typedTables, (entries) => {
        const { table } = decodeTable(referenceTable(entries))
        const bytes = encodeTable(table)
        let theirs: unknown
        try {
          theirs = codec.decodeFields(bytes.subarray(4))
        } catch (error) {
          expect((error as Error).message).toMatch(/tag "[LU]"/)
          return
        }
        if (
          JSON.stringify(entries, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item)).includes(
            '__proto__',
          )
        )
          return
        read++
        expect(theirs).toEqual(asAmqplib(table))
      }),
      { numRuns: 2_000 },
    )
    expect(read).toBeGreaterThan(500)
  })

  test('writes what we read', () => {
    const table = {
      a: 1,
      b: 200,
      c: 70_000,
      d: 2 ** 40,
      e: 1.5,
      f: 'text',
      g: null,
      h: [true, { i: 'j' }],
      k: Buffer.from('k'),
    }
    const into = Buffer.alloc(4096)
    const length = codec.encodeTable(into, table, 0)
    const { table: read } = decodeTable(into.subarray(0, length))
    expect(asAmqplib(read)).toEqual(table)
    expect(encodeTable(read).equals(into.subarray(0, length))).toBe(true)
  })
})
