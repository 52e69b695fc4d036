import { expect, test } from 'vitest'
import { decodeFieldTable } from '../../src/broker/amqp/decode-table.ts'
import { encodeFieldTable } from '../../src/broker/amqp/encode-table.ts'
import { type HeaderValue, type Headers, WireValue } from '../../src/protocol/headers.ts'
import { EVERY_HEADER } from '../../src/testing/broker/publish-tests.ts'

function bytesOf(table: object): Buffer {
  const buffer = Buffer.alloc(65_536)
  return buffer.subarray(0, encodeFieldTable(table as Headers, buffer, 0))
}

function latin1(value: HeaderValue): string {
  // Behind the length of the table, the length of the name and the name.
  return bytesOf({ a: value }).subarray(6).toString('latin1')
}

test.each<[string, HeaderValue, string]>([
  ['text', 'é', 'S\0\0\0\x02\xc3\xa9'],
  ['null', null, 'V'],
  ['true', true, 't\x01'],
  ['a small integer, never as a short', 300, 'I\0\0\x01\x2c'],
  ['a negative integer', -5, 'I\xff\xff\xff\xfb'],
  ['an integer beyond 32 bits', 2 ** 31, 'l\0\0\0\0\x80\0\0\0'],
  ['a negative integer beyond 32 bits', -(2 ** 31) - 1, 'L\xff\xff\xff\xff\x7f\xff\xff\xff'],
  ['a small bigint as an integer', 7n, 'I\0\0\0\x07'],
  ['a fraction', 1.5, 'd\x3f\xf8\0\0\0\0\0\0'],
  ['a number too large for an integer', 1e300, 'd\x7e\x37\xe4\x3c\x88\x00\x75\x9c'],
  ['a list', [1, null], 'A\0\0\0\x06I\0\0\0\x01V'],
  ['a table', { b: true }, 'F\0\0\0\x04\x01bt\x01'],
  ['bytes', new Uint8Array([0, 255]), 'x\0\0\0\x02\0\xff'],
  ['a typed double', new WireValue('d', 1), 'd\x3f\xf0\0\0\0\0\0\0'],
  ['a decimal below zero', new WireValue('D', { digits: -314, scale: 2 }), 'D\x02\xff\xff\xfe\xc6'],
  ['a timestamp', new WireValue('T', 5n), 'T\0\0\0\0\0\0\0\x05'],
])('%s has its tag', (_, value, wire) => {
  expect(latin1(value)).toBe(wire)
})

test('every header comes back as it was', () => {
  const { fields, problem } = decodeFieldTable(bytesOf(EVERY_HEADER).subarray(4))
  expect(problem).toBeUndefined()
  const bytes = { bytes: Buffer.from(EVERY_HEADER.bytes), noBytes: Buffer.alloc(0) }
  expect(fields).toEqual({ ...EVERY_HEADER, ...bytes })
})

test('members that are undefined are left out', () => {
  expect(bytesOf({ a: undefined, b: 1 })).toEqual(bytesOf({ b: 1 }))
})

test('a name that would set the prototype is a name like others', () => {
  const table = JSON.parse('{"__proto__": {"polluted": true}, "b": 1}') as Headers
  const { fields } = decodeFieldTable(bytesOf(table).subarray(4))
  expect(Object.keys(fields)).toEqual(['__proto__', 'b'])
  expect(Object.getPrototypeOf(fields)).toBe(Object.prototype)
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})

test.each<[string, object, string]>([
  ['a Date', { when: new Date(0) }, '$.headers.when'],
  ['a Map', { m: new Map() }, '$.headers.m'],
  ['a function in a list', { l: [1, { f: () => 1 }] }, '$.headers.l[1].f'],
  ['a symbol', { s: Symbol('s') }, '$.headers.s'],
  ['no number', { n: Number.NaN }, '$.headers.n'],
  ['an endless number', { n: [Infinity] }, '$.headers.n[0]'],
  ['an integer above 64 bits', { n: 2n ** 63n }, '$.headers.n'],
  ['a value that does not fit its tag', { n: new WireValue('b', 128) }, '$.headers.n'],
  ['a fraction under an integer’s tag', { n: new WireValue('l', 1.5) }, '$.headers.n'],
  ['a name longer than 255 bytes', { ['é'.repeat(128)]: 1 }, `$.headers.${'é'.repeat(128)}`],
])('%s is refused with its path', (_, table, path) => {
  expect(() => bytesOf(table)).toThrow(
    expect.objectContaining({ code: 'ENCODE_FAILED', details: { path, problem: expect.any(String) } }),
  )
})

test('what does not fit the buffer is refused, wherever it ends', () => {
  const whole = bytesOf(EVERY_HEADER).length
  for (let size = 0; size < whole; size++) {
    expect(() => encodeFieldTable(EVERY_HEADER, Buffer.alloc(size), 0)).toThrow(/take more than/)
  }
  // Room is asked for the longest value of fixed size, so eight bytes may stay free.
  expect(encodeFieldTable(EVERY_HEADER, Buffer.alloc(whole + 8), 0)).toBe(whole)
})
