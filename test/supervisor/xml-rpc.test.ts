import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RpcInvalid, readCall, readResponse, writeCall, writeFault, writeResult } from '../../src/supervisor/xml-rpc.ts'
import exchanges from '../fixtures/supervisor/rpc-exchanges.json' with { type: 'json' }

test.each(exchanges)('reads and writes, byte for byte, what supervisorctl and supervisord said: $label', (exchange) => {
  const { method, params } = readCall(exchange.request)
  // Some were written by hand, to see what supervisord takes.
  if (exchange.request.startsWith("<?xml version='1.0'?>\n")) expect(writeCall(method, params)).toBe(exchange.request)
  else expect(exchange.label).toMatch(/^rpc-/)
  const answer = readResponse(exchange.response)
  expect('fault' in answer ? writeFault(answer.fault) : writeResult(answer.value)).toBe(exchange.response)
})

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value')),
  ),
})).value

test('reads what it writes', () => {
  fc.assert(
    fc.property(values, (value) => {
      const read = readResponse(writeResult(value as never))
      expect(read).toEqual({ value: JSON.parse(JSON.stringify(value)) })
    }),
  )
})

test('text that XML has no place for does not spoil an answer', () => {
  expect(readResponse(writeResult('a\u0000b\u001bc\ud800d'))).toEqual({ value: 'a\ufffdb\ufffdc\ufffdd' })
})

test.each([
  ['no type', '<value>  plain &amp; simple </value>', '  plain & simple '],
  ['nothing', '<value></value>', ''],
  ['nothing, short', '<value/>', ''],
  ['i4', '<value> <i4> 7 </i4> </value>', 7],
  ['base64', '<value><base64>aMOkbGxv</base64></value>', 'hällo'],
  ['a CDATA section', '<value><string><![CDATA[<a & b>]]></string></value>', '<a & b>'],
  ['entities by number', '<value><string>&#x41;&#66;</string></value>', 'AB'],
  ['a comment', '<value><!-- x --><int>1</int></value>', 1],
  ['an empty array, short', '<value><array><data/></array></value>', []],
])('reads a value with %s', (_what, xml, expected) => {
  const call = `<methodCall><methodName>m</methodName><params><param>${xml}</param></params></methodCall>`
  expect(readCall(call)).toEqual({ method: 'm', params: [expected] })
})

test('a call without params takes none', () => {
  expect(readCall('<?xml version="1.0"?><methodCall><methodName>m</methodName></methodCall>').params).toEqual([])
})

const nested = (depth: number): string =>
  `${'<value><array><data>'.repeat(depth)}<value/>${'</data></array></value>'.repeat(depth)}`
const call = (value: string): string =>
  `<methodCall><methodName>m</methodName><params><param>${value}</param></params></methodCall>`

test.each([
  ['nothing', ''],
  ['text', 'hello'],
  ['another document', '<html></html>'],
  ['a DOCTYPE', '<!DOCTYPE a [<!ENTITY b "c">]><methodCall><methodName>m</methodName></methodCall>'],
  ['an entity of its own', call('<value><string>&b;</string></value>')],
  ['an int that is none', call('<value><int>seven</int></value>')],
  ['a boolean that is none', call('<value><boolean>2</boolean></value>')],
  ['a type that is none', call('<value><thing>2</thing></value>')],
  ['no method', '<methodCall><methodName> </methodName></methodCall>'],
  ['a cut end', call('<value><int>1</int></value>').slice(0, -20)],
  ['an open value', '<methodCall><methodName>m</methodName><params><param><value><int'],
  ['a hundred thousand arrays in each other', call(nested(100_000))],
])('refuses %s', (_what, text) => {
  expect(() => readCall(text)).toThrow(RpcInvalid)
})

test('refuses or reads whatever comes, in time', () => {
  const parts = [
    '<methodCall>',
    '<methodName>',
    '<value>',
    '</value>',
    '<struct>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '&',
    '<',
    '>',
    'a',
    ' ',
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 200 }), (pieces) => {
      try {
        readCall(pieces.join(''))
      } catch (error) {
        expect(error).toBeInstanceOf(RpcInvalid)
      }
    }),
  )
})
