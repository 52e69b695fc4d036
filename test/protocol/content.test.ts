import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { pack } from '../../src/protocol/compression.ts'
import { assertAccepted, bodyText, type Content, type ContentLimits } from '../../src/protocol/content.ts'

const json = (body: Uint8Array, compression?: string): Content => ({
  contentType: 'application/json',
  compression,
  body,
})

describe('content types', () => {
  test.each(['application/json', 'Application/JSON', 'application/json; charset=utf-8'])('%s is accepted', (type) => {
    expect(() => assertAccepted(type)).not.toThrow()
  })

  test('short names are taken in the list of those accepted', () => {
    expect(() => assertAccepted('application/json', ['json'])).not.toThrow()
  })

  test.each([
    ...[
      'application/x-python-serialize',
      'application/x-yaml',
      'application/x-msgpack',
      'application/data',
      'text/plain',
    ],
  ])('%s is refused by its name', (type) => {
    expect(() => assertAccepted(type)).toThrow(`Content type ${type} is not accepted`)
  })

  test('pickle is refused even where the list has it', () => {
    const accept = ['pickle', 'application/x-python-serialize', 'json']
    expect(() => assertAccepted('application/x-python-serialize', accept)).toThrow(
      expect.objectContaining({
        code: 'CONTENT_REFUSED',
        fix: expect.stringMatching(/accepted here: application\/json$/) as string,
      }),
    )
  })

  test('a missing one is refused too, and so is JSON where the list lacks it', () => {
    expect(() => assertAccepted('')).toThrow('Content type (none) is not accepted')
    expect(() => assertAccepted('application/json', ['yaml'])).toThrow(
      expect.objectContaining({ code: 'CONTENT_REFUSED' }),
    )
  })
})

describe('packed bodies', () => {
  test.each<[string, Content]>([
    ['as they came', json(Buffer.from('"é"'))],
    ['packed by ourselves', json(pack(Buffer.from('"é"')).body, pack(Buffer.from('"é"')).compression)],
    ['a zlib stream under the name gzip', json(deflateSync('"é"'), 'application/x-gzip')],
    ['a gzip file under the name gzip', json(gzipSync('"é"'), 'application/x-gzip')],
    ['by a short name', json(deflateSync('"é"'), 'zlib')],
  ])('%s', (_, content) => {
    expect(bodyText(content)).toBe('"é"')
  })

  test.each<[string, Content, string, string, ContentLimits?]>([
    ['xz', json(Buffer.from('x'), 'application/x-lzma'), 'CONTENT_REFUSED', 'compression application/x-lzma'],
    ['bytes that are no stream', json(Buffer.from('[1]'), 'gzip'), 'BODY_UNDECODABLE', 'incorrect header check'],
    [
      'a stream cut short',
      json(deflateSync('[1, 2, 3]').subarray(0, -6), 'gzip'),
      'BODY_UNDECODABLE',
      'unexpected end',
    ],
    ['an empty body', json(Buffer.alloc(0), 'gzip'), 'BODY_UNDECODABLE', 'unexpected end'],
    [
      'a bomb',
      json(deflateSync(Buffer.alloc(2_000_000)), 'gzip'),
      'BODY_UNDECODABLE',
      'more than 1000000 bytes',
      { maxBodyBytes: 1_000_000 },
    ],
    [
      'a bomb, by default',
      json(deflateSync(Buffer.alloc(17 * 2 ** 20)), 'gzip'),
      'BODY_UNDECODABLE',
      'more than 16777216 bytes',
    ],
    ['bytes that are not UTF-8', json(Buffer.from([0x22, 0xff, 0x22])), 'BODY_UNDECODABLE', 'it is not UTF-8'],
  ])('%s is refused', (_, content, code, message, limits) => {
    expect(() => bodyText(content, limits)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) as string }),
    )
  })
})
