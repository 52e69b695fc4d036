import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { markRedelivered, readEntry, readEnvelope, stepOf, writeEnvelope } from '../../../src/broker/redis/envelope.ts'
import { kombuPattern } from '../../../src/broker/redis/topology.ts'
import type { Message } from '../../../src/protocol/message.ts'

interface Captured {
  readonly key: string
  readonly raw: string
}

const capturedBy = (version: string): [string, Captured][] => {
  const file = new URL(`../../fixtures/celery/redis-entries-${version}.json`, import.meta.url)
  const cases = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Captured[]>
  return Object.entries(cases).flatMap(([name, entries]) => entries.map((one): [string, Captured] => [name, one]))
}

const queueOf = ({ key }: Captured): string => key.split('\x06\x16')[0] as string

/** As the script that publishes puts it together. */
function whole(message: Message, to: { exchange: string; routingKey: string }, wire: number, tag: string): string {
  const { head, tail } = writeEnvelope(message, to)
  return `${head}${wire}, "body_encoding": "base64", "delivery_tag": "${tag}"${tail}`
}

describe.each(['5.2.6', '5.6.3'])('what Celery %s put into Redis', (version) => {
  test.each(capturedBy(version))('%s is read, and written again as it was', (_name, entry) => {
    const envelope = readEnvelope(entry.raw, queueOf(entry), undefined)
    const asked = JSON.parse(entry.raw) as {
      body: string
      properties: { priority: number; delivery_tag: string; correlation_id: string }
    }
    const { priority, delivery_tag: tag, correlation_id } = asked.properties
    expect(envelope).toMatchObject({ wirePriority: priority, redelivered: false })
    expect(envelope.message.correlationId).toBe(correlation_id)
    expect(Buffer.from(envelope.message.body).toString('base64')).toBe(asked.body)
    expect(entry.key.split('\x06\x16')[1] ?? '0').toBe(String(stepOf(envelope.wirePriority) * 3))
    const { exchange, routingKey } = envelope
    // A priority that Redis counts the other way round is written down beside it.
    const message = priority > 0 ? { ...envelope.message, priority: 0 } : envelope.message
    expect(whole(message, { exchange, routingKey }, priority, tag)).toBe(entry.raw)
  })
})

describe('an envelope', () => {
  const envelope = (fields: object): string =>
    JSON.stringify({ body: 'e30=', headers: {}, properties: { delivery_info: {}, body_encoding: 'base64' }, ...fields })

  test('is read in any order and spacing, and with a body that is plain text', () => {
    const text = `{ "properties":{"body_encoding":"utf-8","delivery_info":{"exchange":"","routing_key":"q"}},"body":"[\\"ä\\"]" , "content-type" : "application/json","headers":{"id":"1"} }`
    const { message, routingKey } = readEnvelope(text, 'q', undefined)
    expect(Buffer.from(message.body).toString()).toBe('["ä"]')
    expect(message).toMatchObject({ contentType: 'application/json', contentEncoding: '', headers: { id: '1' } })
    expect(routingKey).toBe('q')
  })

  test.each(['', 'nonsense', '[]', 'null', '{"body": "e30="}', '{"body": "', '{"body": "e30=", nonsense'])(
    'that is none (%j) comes as a message without a type, with all that was there',
    (text) => {
      const { message } = readEnvelope(text, 'q', undefined)
      expect(message).toMatchObject({ headers: {}, contentType: '' })
      expect(Buffer.from(message.body).toString()).toBe(text)
    },
  )

  test.each([
    ['a redelivery by kombu', { headers: { redelivered: true, a: 1 } }],
    ['a redelivery', { headers: { a: 1 }, properties: { delivery_info: { redelivered: true } } }],
  ])('says that it is %s, and does not pass that on', (_name, fields) => {
    const { message, redelivered } = readEnvelope(envelope(fields), 'q', undefined)
    expect(redelivered).toBe(true)
    expect(message.headers).toEqual({ a: 1 })
  })

  test.each([
    [0, undefined, 0],
    [3, undefined, 6],
    [9, 5, 0],
    [0, 5, 5],
    [4, 5, 3],
    ['7', 9, 2],
    ['junk', undefined, 0],
    [-3, 9, 9],
    [99, 9, 0],
  ])('of priority %j in a queue of highest %j has priority %j here', (priority, highest, expected) => {
    const text = envelope({ properties: { priority, body_encoding: 'base64' } })
    expect(readEnvelope(text, 'q', highest).message.priority).toBe(expected)
  })
})

describe('marking a redelivery', () => {
  test.each([
    '{"body": "e30=", "headers": {}, "properties": {"delivery_info": {}, "n": 1.0}}',
    '{"body": "e30=", "headers": {"a": [1, {"b": "}\\""}]}, "properties": {"delivery_info": {"exchange": ""}, "n": 1e400}}',
    '{"headers":{"redelivered":false},"properties":{"delivery_info":{"redelivered": false , "x":NaN}},"body":"\\\\"}',
    '{"properties":{"headers":{}, "delivery_info":{"exchange":"\\u00e4"}},"headers":{"properties":1}}',
  ])('changes kombu’s two marks and nothing else: %s', (text) => {
    const marked = markRedelivered(text)
    expect(readEnvelope(marked, 'q', undefined).redelivered).toBe(true)
    expect(markRedelivered(marked)).toBe(marked)
    expect(marked.replaceAll(/(, )?"redelivered": ?(true|false)/g, '').replaceAll(' ', '')).toBe(
      text.replaceAll(/(, )?"redelivered": ?(true|false)/g, '').replaceAll(' ', ''),
    )
    expect(marked.match(/"redelivered": ?true/g)).toHaveLength(2)
  })

  test.each(['', 'x', '[]', '{', '{"headers": 1}', '{"headers": {}', '{"a"', '{"a": "'])(
    'leaves %j as harmless as it is',
    (text) => {
      expect(() => markRedelivered(text)).not.toThrow()
    },
  )
})

test('an entry of unacked is taken apart without reading its envelope', () => {
  const text = '{"body": "]\\", \\"", "n": [1, {"a": "}"}]}'
  expect(readEntry(`[${text}, "x", "a.b"]`)).toEqual({ text, exchange: 'x', routingKey: 'a.b' })
  expect(readEntry(`[${text},"","q\\/ä"]`)).toEqual({ text, exchange: '', routingKey: 'q/ä' })
  for (const wrong of ['', '[', '[]', '{}', 'x', `[${text}`]) expect(readEntry(wrong)).toBeUndefined()
})

test('bindings to topic exchanges have the pattern that kombu writes', () => {
  expect(kombuPattern('a.#')).toBe(String.raw`^a\..*?$`)
  expect(kombuPattern('*.heart-beat_1')).toBe(String.raw`^.*?[^\.]\.heart\-beat\_1$`)
})
