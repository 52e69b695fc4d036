import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { BasicProperties } from '../../src/broker/amqp/wire/properties.ts'
import { METHODS, methodId, type MethodName } from '../../src/broker/amqp/wire/methods.ts'
import type { HeaderValue, Headers } from '../../src/protocol/headers.ts'
import {
  decodeProperties,
  decodeTable,
  encodeProperties,
  encodeTable,
  names,
  referenceTable,
  type Typed,
} from '../broker/amqp/wire-bytes.ts'
import { startPython } from '../services/python.ts'
import { describeWith } from '../services/rabbitmq.ts'

const SEED = 20_261
const SCRIPT = readFileSync(new URL('py-amqp.py', import.meta.url), 'utf8')

/** Everything that py-amqp can write, with the tag that it writes: integers only `I` and `L`, and `L` for -2^31. */
const pythonValues: fc.Arbitrary<Typed> = fc.letrec<{ value: Typed }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof<fc.Arbitrary<Typed>[]>(
      fc.constant<Typed>({ tag: 'V' }),
      fc.boolean().map((value) => ({ tag: 't', value: Number(value) })),
      fc.integer({ min: 1 - 2 ** 31, max: 2 ** 31 - 1 }).map((value) => ({ tag: 'I', value })),
      fc
        .oneof(
          fc.bigInt({ min: 2n ** 31n, max: 2n ** 63n - 1n }),
          fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 31n) }),
          fc.constantFrom(2n ** 31n, -(2n ** 31n), 2n ** 53n + 1n, 1_790_000_000_123n, 2n ** 63n - 1n, -(2n ** 63n)),
        )
        .map((value) => ({ tag: 'L', value })),
      fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => ({ tag: 'd', value })),
      fc.constantFrom(0, -0, 1, 2 ** 53).map((value) => ({ tag: 'd', value })),
      fc
        .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1 - 2 ** 31, max: 2 ** 31 - 1 }))
        .map(([scale, digits]) => ({ tag: 'D', scale, digits })),
      fc.integer({ min: 0, max: 2 ** 37 }).map((value) => ({ tag: 'T', value })),
      fc.string({ unit: 'grapheme' }).map((text) => ({ tag: 'S', bytes: Buffer.from(text) })),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ tag: 'S', bytes })),
    ),
    fc.array(tie('value'), { maxLength: 4 }).map((items): Typed => ({ tag: 'A', items })),
    entriesOf(tie('value')).map((entries): Typed => ({ tag: 'F', entries })),
  ),
})).value

/** What callers give as headers. */
const plainValues: fc.Arbitrary<HeaderValue> = fc.letrec<{ value: HeaderValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof<fc.Arbitrary<HeaderValue>[]>(
      fc.constant(null),
      fc.boolean(),
      fc.string({ unit: 'grapheme' }),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.constantFrom(127, 128, 300, 32_767, 40_000, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.double({ noDefaultInfinity: true, noNaN: true, noInteger: true }),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    entriesOf(tie('value')).map((entries) => Object.fromEntries(entries)),
  ),
})).value

function entriesOf<T>(value: fc.Arbitrary<T>): fc.Arbitrary<[string, T][]> {
  // Assigned in an object, __proto__ would be no member of it.
  const name = names.filter((text) => text !== '__proto__')
  return fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 6 })
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
const anyProperties = fc.record(
  {
    contentType: text,
    contentEncoding: text,
    deliveryMode: fc.constantFrom(1, 2),
    priority: fc.nat(255),
    correlationId: text,
    replyTo: text,
    expiration: fc.nat().map(String),
    messageId: text,
    timestamp: fc.maxSafeNat(),
    type: text,
    appId: text,
    headers: entriesOf(plainValues).map((entries): Headers => Object.fromEntries(entries)),
  },
  { requiredKeys: ['headers'] },
)

/** As the script takes values. */
function toPython(typed: Typed): [tag: string, value: unknown] {
  if (typed.tag === 'V') return ['V', null]
  if (typed.tag === 'A') return ['A', typed.items.map(toPython)]
  if (typed.tag === 'F') return ['F', typed.entries.map(([name, item]) => [name, toPython(item)])]
  if ('bytes' in typed) return [typed.tag, Buffer.from(typed.bytes).toString('hex')]
  if ('digits' in typed) return [typed.tag, [typed.digits, typed.scale]]
  return [typed.tag, typed.tag === 'd' ? doubleHex(Number(typed.value)) : String(typed.value)]
}

/** As the script tells what it has read. */
function described(value: HeaderValue): [type: string, value: unknown] {
  if (value === null) return ['null', '']
  if (typeof value === 'boolean') return ['bool', String(Number(value))]
  if (typeof value === 'string') return ['text', Buffer.from(value).toString('hex')]
  if (typeof value === 'bigint' || Number.isInteger(value)) return ['int', String(BigInt(value as number))]
  if (typeof value === 'number') return ['float', doubleHex(value)]
  if (value instanceof Uint8Array) {
    // Python takes bytes that are good UTF-8 for bytes still: they have a tag of their own.
    return ['bytes', Buffer.from(value).toString('hex')]
  }
  if (Array.isArray(value)) return ['list', (value as HeaderValue[]).map(described)]
  return ['table', Object.entries(value).map(([name, item]) => [name, described(item as HeaderValue)])]
}

function doubleHex(value: number): string {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const toSnake = (properties: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(properties).map(([name, value]) => [snake(name), value as unknown]))

interface Answer {
  tables: string[]
  read: unknown[]
  properties: string[]
  readProperties: Record<string, unknown>[]
  methods: [classId: number, methodId: number, format: string][]
}

describeWith(['celery'], "py-amqp's codec", () => {
  const theirs = fc.sample(entriesOf(pythonValues), { numRuns: 1_500, seed: SEED })
  const ours = fc.sample(entriesOf(plainValues), { numRuns: 1_500, seed: SEED }).map((one) => Object.fromEntries(one))
  const properties = fc.sample(anyProperties, { numRuns: 300, seed: SEED })
  let answer: Answer

  beforeAll(async () => {
    const cases = {
      tables: theirs.map((entries) => entries.map(([name, item]) => [name, toPython(item)])),
      ours: ours.map((table) => encodeTable(table).toString('hex')),
      // Headers as Celery would hold them, the other properties as they are.
      properties: properties.map((one, i) => ({
        ...toSnake(one),
        headers: theirs[i]?.map(([name, item]) => [name, toPython(item)]),
      })),
      ourProperties: properties.map((one) => encodeProperties(one as BasicProperties).toString('hex')),
    }
    const child = startPython(['py-amqp-codec.py'], {
      files: { 'py-amqp-codec.py': SCRIPT, 'cases.json': JSON.stringify(cases) },
    })
    const { code } = await child.ended({ timeoutMs: 60_000 })
    if (code !== 0) throw new Error(`the script failed:\n${child.tail()}`)
    answer = JSON.parse(child.lines.at(-1) ?? '') as Answer
  })

  test('writes tables that are read whole here, with their types, and written again byte for byte', () => {
    expect(answer.tables).toHaveLength(theirs.length)
    for (const [i, hex] of answer.tables.entries()) {
      const bytes = Buffer.from(hex, 'hex')
      expect(bytes.equals(referenceTable(theirs[i] ?? []))).toBe(true)
      const { table, undecodable, left } = decodeTable(bytes)
      expect({ undecodable, left }).toEqual({ undecodable: undefined, left: 0 })
      expect(encodeTable(table).equals(bytes)).toBe(true)
    }
  })

  test('reads every plain header that we write as what it was', () => {
    expect(answer.read).toHaveLength(ours.length)
    for (const [i, read] of answer.read.entries()) expect(read).toEqual(described(ours[i] as Headers))
  })

  test('writes properties that are read here, and written again byte for byte', () => {
    expect(answer.properties).toHaveLength(properties.length)
    for (const [i, hex] of answer.properties.entries()) {
      const { properties: read, undecodable } = decodeProperties(Buffer.from(hex, 'hex'))
      expect(undecodable).toBeUndefined()
      expect(read).toEqual({ ...properties[i], headers: decodeTable(referenceTable(theirs[i] ?? [])).table })
      expect(encodeProperties(read).toString('hex')).toBe(hex)
    }
  })

  test('reads the properties that we write', () => {
    expect(answer.readProperties).toHaveLength(properties.length)
    for (const [i, read] of answer.readProperties.entries()) {
      const { headers, ...others } = properties[i] as BasicProperties
      expect(read).toEqual({ ...toSnake(others), headers: described(headers ?? {}) })
    }
  })

  test('takes each method that it knows with the arguments that we write', () => {
    const letters: Readonly<Record<string, string>> = {
      ...{ bit: 'b', octet: 'o', short: 'B', long: 'l', longlong: 'L', shortstr: 's', longstr: 'S', table: 'F' },
    }
    const known = new Map((Object.keys(METHODS) as MethodName[]).map((name) => [methodId(name), name]))
    let compared = 0
    for (const [classId, id, format] of answer.methods) {
      const name = known.get((classId << 16) | id)
      // Without a format py-amqp looks at no argument. The challenge of connection.secure is a long string (spec 1.4.2.3),
      // which py-amqp takes for a short one.
      if (!format || !name || name === 'connection.secure') continue
      const kinds = Object.values<string>(METHODS[name].args).map((kind) => letters[kind.replace('-', '')])
      // It may take fewer arguments than there are: of basic.cancel only the first.
      expect({ name, format: kinds.join('').slice(0, format.length) }).toEqual({ name, format })
      compared++
    }
    expect(compared).toBeGreaterThan(15)
  })
})
