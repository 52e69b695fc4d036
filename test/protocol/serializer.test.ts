import { brotliCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pack, unpack } from '../../src/protocol/compression.ts'
import type { ContentLimits } from '../../src/protocol/content.ts'
import { deserialize, serialize, type Serializer } from '../../src/protocol/serializer.ts'

const ALL: ContentLimits = { accept: ['json', 'msgpack', 'yaml'] }
const there = (value: unknown, serializer: Serializer): unknown => deserialize(serialize(value, serializer), ALL)
const yaml = (text: string): unknown => deserialize({ contentType: 'application/x-yaml', body: Buffer.from(text) }, ALL)
const msgpack = (hex: string): unknown =>
  deserialize({ contentType: 'application/x-msgpack', body: Buffer.from(hex, 'hex') }, ALL)

describe.each<Serializer>(['json', 'msgpack', 'yaml'])('%s', (serializer) => {
  test('brings back whatever JSON can hold', () => {
    const json = fc.jsonValue({ noUnicodeString: false }).filter((value) => !JSON.stringify(value).includes('__'))
    fc.assert(
      fc.property(json, (value) => {
        // Zero has no sign in JSON, and a number beyond 2^53 comes back as the integer that it is.
        const plain: unknown = JSON.parse(JSON.stringify(value).replaceAll(/-?\d{16,}(?![.e])/g, '7'))
        expect(there(plain, serializer)).toEqual(plain)
      }),
      { numRuns: 300 },
    )
  })

  test.each([
    [
      'texts that look like something else',
      [
        'yes',
        'no',
        'null',
        '~',
        '012',
        '1e3',
        '2024-01-02',
        '',
        ' ',
        '- a',
        '<<',
        '&x',
        '*x',
        '!!int 3',
        "it's",
        'a: b',
        '#',
      ],
    ],
    ['integers beyond 2^53', [9_007_199_254_740_993n, -9_007_199_254_740_993n, 2 ** 53 - 1]],
    ['names like any', { __proto__x: 1, constructor: 2, 'a b': 3, '': 4, '1': 5 }],
    ['the letters of the world', 'žluťoučký 😀 \u2028 \u0000\u001b end'],
  ])('brings back %s', (_, value) => {
    expect(there(value, serializer)).toEqual(value)
  })

  test('names the place of what cannot be written', () => {
    expect(() => serialize({ a: [NaN] }, serializer, { path: '$.args' })).toThrow(
      expect.objectContaining({ code: 'ENCODE_FAILED', message: expect.stringContaining('$.args.a[0]') as string }),
    )
  })

  test('is read only where it is accepted', () => {
    const other = serializer === 'json' ? 'yaml' : 'json'
    expect(() => deserialize(serialize(1, serializer), { accept: [other] })).toThrow(
      expect.objectContaining({ code: 'CONTENT_REFUSED' }),
    )
  })

  test('is no other thing than an error, whatever the bytes', () => {
    const { contentType } = serialize(1, serializer)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        try {
          deserialize({ contentType, body }, ALL)
        } catch (error) {
          expect(error).toMatchObject({ code: 'BODY_UNDECODABLE' })
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('bytes and dates', () => {
  test('bytes go as they are in msgpack and YAML', () => {
    const bytes = new Uint8Array([0, 255, 10])
    for (const serializer of ['msgpack', 'yaml'] as const) {
      const [back] = there([bytes], serializer) as [Uint8Array]
      expect(Buffer.from(back)).toEqual(Buffer.from(bytes))
    }
    expect(Buffer.from(serialize(bytes, 'yaml').body).toString()).toContain('!!binary')
  })

  test('dates go as ISO text', () => {
    expect(there(new Date(0), 'msgpack')).toBe('1970-01-01T00:00:00Z')
    expect(Buffer.from(serialize([new Date(0)], 'yaml').body).toString()).toContain('1970-01-01T00:00:00Z')
  })
})

describe('YAML of others', () => {
  test('is that of PyYAML: version 1.1', () => {
    expect(yaml('[yes, off, 012, 0x1f, 1_000, ~, 2024-01-02]')).toEqual([
      true,
      false,
      10,
      31,
      1000,
      null,
      new Date('2024-01-02'),
    ])
  })

  test.each([
    ['a Python object', '!!python/object/apply:os.system ["true"]'],
    ['a tag of its own', '!ruby/object {a: 1}'],
    ['two documents', 'a\n---\nb'],
    ['a name twice', '{a: 1, a: 2}'],
    ['what is no YAML', '{a: ['],
    ['aliases beyond measure', bombOfAliases()],
    ['aliases of one long list', `a: &a [${'0,'.repeat(1000)}0]\nb: [${'*a,'.repeat(900)}*a]`],
    ['what is nested too deep', '['.repeat(600) + ']'.repeat(600)],
  ])('is refused with %s', (_, text) => {
    expect(() => yaml(text)).toThrow(expect.objectContaining({ code: 'BODY_UNDECODABLE' }))
  })

  test('is read in time that grows with its length, whatever names it has', { timeout: 60_000 }, () => {
    const count = 30_000
    const lines = Array.from({ length: count }, (_, at) => `name${at}: 1`)
    expect(Object.keys(yaml(lines.join('\n')) as object)).toHaveLength(count)
  })

  test('cannot reach what objects are made of', () => {
    expect(yaml('{__proto__: {polluted: 1}}')).not.toHaveProperty('polluted')
    expect({}).not.toHaveProperty('polluted')
  })
})

describe('msgpack of others', () => {
  test.each([
    ['lists of millions in each other', 'dd01ffffff'.repeat(3)],
    ['a list of millions behind another value', '92c0dd01ffffff'],
    ['a map of millions', 'df01ffffff'],
    ['a text that is cut off', 'a2e4'],
  ])('that promise more than they hold are refused before room is made for it: %s', (_, hex) => {
    const problem = 'it promises more than it holds'
    expect(() => msgpack(hex)).toThrow(expect.objectContaining({ details: expect.objectContaining({ problem }) }))
  })

  test.each([
    ['numbers as names', '8101a178', { '1': 'x' }],
    ['64 bits that a number holds', 'cf0000000000000007', 7],
    ['64 bits that it does not', 'cfffffffffffffffff', 18_446_744_073_709_551_615n],
    ['a single float', 'ca3f800000', 1],
  ])('is read with %s', (_, hex, value) => {
    expect(msgpack(hex)).toEqual(value)
  })

  test.each([
    ['bytes that are too many', '0102'],
    ['bytes that are too few', '92'],
    ['an extension that nobody knows', 'd40500'],
    ['a list of four billion', 'ddffffffff'],
    ['what is nested too deep', `${'91'.repeat(600)}00`],
    ['the name __proto__', '81a95f5f70726f746f5f5f80'],
  ])('is refused with %s', (_, hex) => {
    expect(() => msgpack(hex)).toThrow(expect.objectContaining({ code: 'BODY_UNDECODABLE' }))
  })
})

describe('packed bodies', () => {
  const text = Buffer.from('[[1], {}, {}]')
  const BZIP2 = Buffer.from(
    'QlpoOTFBWSZTWShKpaQAAA6bhFAEABAACj5tmkoEACAAVDUAaGgGgEoFAxDEMjI4KXqs842Ti6ZpQIZn6LV+31Sw7QOpAYR1sQwCLvOhAD8ohqjfi7kinChIFCVS0gA=',
    'base64',
  )
  const ZSTD = Buffer.from('28b52ffd200d690000' + text.toString('hex'), 'hex')

  test.each([
    ['application/x-gzip', pack(text).body],
    ['application/x-brotli', brotliCompressSync(text)],
    ['application/zstd', ZSTD],
    ['zstd', ZSTD],
  ])('%s', (compression, body) => {
    expect(Buffer.from(unpack(body, compression, 100))).toEqual(text)
  })

  test('bzip2, as Celery packs it', () => {
    expect(Buffer.from(unpack(BZIP2, 'application/x-bz2', 1000)).toString()).toMatch(/^\[\["x+"\], \{\}/)
  })

  test.each([
    ['application/x-gzip', pack(text).body],
    ['application/x-brotli', brotliCompressSync(text)],
    ['application/zstd', ZSTD],
    ['application/x-bz2', BZIP2],
  ])('%s that is more than may be', (compression, body) => {
    expect(() => unpack(body, compression, 12)).toThrow(/unpacks to more than 12 bytes/)
  })

  test.each(['application/x-gzip', 'application/x-brotli', 'application/zstd', 'application/x-bz2'])(
    '%s that is none',
    (compression) => {
      expect(() => unpack(text, compression, 100)).toThrow(expect.objectContaining({ code: 'BODY_UNDECODABLE' }))
    },
  )

  test.each(['application/x-lzma', 'xz', 'constructor', ''])('%j is refused by its name', (compression) => {
    expect(() => unpack(text, compression, 100)).toThrow(`compression ${compression} is not accepted`)
  })
})

/** Nine lines of YAML that stand for a billion texts. */
function bombOfAliases(): string {
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 9; i++) {
    const [name, before] = [String.fromCharCode(97 + i), String.fromCharCode(96 + i)]
    lines.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`)
  }
  return lines.join('\n')
}
