import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ControlRequest,
  encodeControl,
  encodeReply,
  isFor,
  readControl,
  readReply,
} from '../../src/protocol/control.ts'
import { capturedFleet, wordAsMessage } from './captured.ts'

const parsed = (body: Uint8Array): unknown => JSON.parse(Buffer.from(body).toString())
const asked = (more: Partial<ControlRequest> = {}): ControlRequest => ({
  method: 'ping',
  arguments: {},
  destination: null,
  pattern: null,
  matcher: null,
  clock: 0,
  ...more,
})
const said = (body: string): { contentType: string; body: Uint8Array; headers: Record<string, never> } => ({
  contentType: 'application/json',
  body: Buffer.from(body),
  headers: {},
})

describe.each(['5.2.6', '5.6.3'] as const)('what Celery %s asks and answers', (version) => {
  const { commands, replies } = capturedFleet(version)

  test('is here', () => {
    const methods = new Set(commands.map(({ body }) => (JSON.parse(body) as { method: string }).method))
    expect([...methods]).toEqual(
      expect.arrayContaining(['ping', 'revoke', 'stats', 'rate_limit', 'add_consumer', 'autoscale', 'hello']),
    )
    expect(replies.length).toBeGreaterThan(30)
  })

  test.each(commands.map((word, at) => [`${at} ${word.body.slice(0, 40)}`, word] as const))(
    'the command %s is read and written again',
    (_, word) => {
      const message = wordAsMessage(word)
      const written = encodeControl(readControl(message), message.headers.expires as number)
      expect({ ...written, body: parsed(written.body) }).toEqual({ ...message, body: JSON.parse(word.body) })
      expect(Object.keys(parsed(written.body) as object)).toEqual(Object.keys(JSON.parse(word.body) as object))
    },
  )

  test.each(replies.map((word, at) => [`${at} ${word.body.slice(0, 40)}`, word] as const))(
    'the reply %s is read and written again',
    (_, word) => {
      const message = wordAsMessage(word)
      const reply = readReply(message)
      // The settings of a Python worker may hold a number that JSON has no form for: it is read, never written.
      if (word.body.includes('Infinity'))
        return expect(reply.value).toMatchObject({ result_backend_max_retries: Infinity })
      const written = encodeReply(reply)
      expect({ ...written, body: parsed(written.body) }).toEqual({ ...message, body: JSON.parse(word.body) })
    },
  )
})

describe('a command is for', () => {
  test('everybody who is not left out', () => {
    expect(isFor(asked(), 'a@h')).toBe(true)
    expect(isFor(asked({ destination: ['a@h', 'b@h'] }), 'b@h')).toBe(true)
    expect(isFor(asked({ destination: ['a@h'] }), 'b@h')).toBe(false)
  })

  test('everybody where it names nobody, as to Python', () => {
    expect(isFor(asked({ destination: [] }), 'b@h')).toBe(true)
    expect(isFor(asked({ destination: [], pattern: 'a*', matcher: 'glob' }), 'b@h')).toBe(false)
    expect(isFor(asked({ pattern: '', matcher: 'glob' }), 'b@h')).toBe(true)
    expect(isFor(asked({ pattern: 'a*', matcher: '' }), 'b@h')).toBe(true)
  })

  test.each([
    ['glob', 'web*', 'web1@h', true],
    ['glob', 'web*', 'db@web', false],
    ['glob', 'web?@h', 'web1@h', true],
    ['glob', 'web[12]@h', 'web2@h', true],
    ['glob', 'web[!12]@h', 'web2@h', false],
    ['glob', 'a.b@h', 'axb@h', false],
    ['pcre', 'web\\d', 'web1@h', true],
    ['pcre', 'eb', 'web1@h', false],
    ['pcre', 'a|web', 'web1@h', true],
    ['pcre', '(', 'web1@h', false],
    ['sql', '%', 'web1@h', false],
  ])('%s %s: %s %s', (matcher, pattern, hostname, expected) => {
    expect(isFor(asked({ matcher, pattern }), hostname)).toBe(expected)
  })

  test.each([
    ['pcre', '(.|.|.|.)+!'],
    ['glob', `${'*'.repeat(500)}!`],
  ])('nobody by a pattern of %s that would be tried for ever', { timeout: 60_000 }, (matcher, pattern) => {
    expect(isFor(asked({ matcher, pattern }), 'celery@worker-7.example.com')).toBe(false)
  })

  test('whomever its pattern means, and no pattern throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('glob', 'pcre'), fc.string(), (pattern, matcher, hostname) => {
        expect(typeof isFor(asked({ pattern, matcher }), hostname)).toBe('boolean')
      }),
    )
    fc.assert(
      fc.property(fc.stringMatching(/^[\w.@-]+$/), (name) => isFor(asked({ pattern: name, matcher: 'glob' }), name)),
    )
  })
})

describe('a command that is none', () => {
  test.each([
    ['[]', /not an object/],
    ['{}', /names no method/],
    ['{"method": "ping", "arguments": []}', /arguments are no object/],
    ['{"method": "ping", "destination": 3}', /destination is no list/],
    ['{"method": "ping", "reply_to": {"exchange": 1}}', /reply_to is no address/],
  ])('%s is refused by its fault', (body, problem) => {
    expect(() => readControl(said(body))).toThrow(problem)
  })

  test('a reply without node or ticket is refused', () => {
    expect(() => readReply(said('{}'))).toThrow(/names no node/)
    expect(() => readReply(said('{"a@h": 1}'))).toThrow(/no ticket/)
  })

  test('a name alone is understood as a destination', () => {
    expect(readControl(said('{"method": "ping", "destination": "a@h"}')).destination).toEqual(['a@h'])
  })
})
