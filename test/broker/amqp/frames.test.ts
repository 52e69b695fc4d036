import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ContentReader } from '../../../src/broker/amqp/wire/content-reader.ts'
import { ContentWriter } from '../../../src/broker/amqp/wire/content-writer.ts'
import { FrameParser } from '../../../src/broker/amqp/wire/frame-parser.ts'
import { FRAME_BODY, FRAME_HEADER, FRAME_METHOD } from '../../../src/broker/amqp/wire/frames.ts'
import { HeadersCache } from '../../../src/broker/amqp/wire/headers-cache.ts'
import { readMethod } from '../../../src/broker/amqp/wire/method-codec.ts'
import { ByteReader } from '../../../src/broker/amqp/wire/reader.ts'
import { ByteWriter } from '../../../src/broker/amqp/wire/writer.ts'
import type { Headers } from '../../../src/protocol/headers.ts'
import { bodyFrames, headerFrame, heartbeatFrame, methodFrame } from './server-frames.ts'
import { readerOf } from './wire-bytes.ts'

type Frame = [type: number, channel: number, payload: string]

const FRAME_MAX = 131_072

function parse(chunks: readonly Buffer[], frameMax = FRAME_MAX): { frames: Frame[]; kept: number } {
  const frames: Frame[] = []
  const parser = new FrameParser((type, channel, buffer, start, end) => {
    frames.push([type, channel, buffer.toString('latin1', start, end)])
  })
  parser.frameMax = frameMax
  for (const chunk of chunks) parser.push(chunk)
  return { frames, kept: parser.kept }
}

const frame = (type: number, channel: number, payload: Uint8Array, end = 0xce): Buffer => {
  const head = Buffer.alloc(7)
  head.writeUInt8(type)
  head.writeUInt16BE(channel, 1)
  head.writeUInt32BE(payload.length, 3)
  return Buffer.concat([head, payload, Buffer.from([end])])
}

const anyFrame = fc.tuple(fc.constantFrom(1, 2, 3, 8), fc.nat(65_535), fc.uint8Array({ maxLength: 300 }))

/** Cuts bytes at these places, in any order and maybe twice. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

describe('frames', () => {
  test('are the same however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 8 }),
        fc.array(fc.nat(3_000), { maxLength: 12 }),
        (wanted, places) => {
          const bytes = Buffer.concat(wanted.map(([type, channel, payload]) => frame(type, channel, payload)))
          const expected = wanted.map(([type, channel, payload]) => [
            type,
            channel,
            Buffer.from(payload).toString('latin1'),
          ])
          expect(parse(cut(bytes, places))).toEqual({ frames: expected, kept: 0 })
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('of the largest size come through byte by byte, with no more kept than one frame', () => {
    const payload = Buffer.alloc(FRAME_MAX - 8, 7)
    const bytes = Buffer.concat([frame(3, 1, payload), frame(3, 1, payload)])
    let most = 0
    let count = 0
    const parser = new FrameParser(() => count++)
    parser.frameMax = FRAME_MAX
    for (let i = 0; i < bytes.length; i++) {
      parser.push(bytes.subarray(i, i + 1))
      most = Math.max(most, parser.kept)
    }
    expect(count).toBe(2)
    expect(most).toBe(FRAME_MAX - 1)
  })

  test.each([
    ['without its end octet', frame(1, 0, Buffer.alloc(4), 0xcd), /without its end/],
    ['larger than agreed on', frame(1, 0, Buffer.alloc(4_089)), /4089 bytes, more than the 4096/],
    ['that is another protocol version', Buffer.from('AMQP\x00\x00\x09\x00', 'latin1'), /another protocol version/],
  ])('%s end in an error at once, whole or byte by byte', (_, bytes, problem) => {
    const error = expect.objectContaining({ code: 'WIRE_INVALID', message: expect.stringMatching(problem) as string })
    expect(() => parse([bytes], 4_096)).toThrow(error)
    expect(() =>
      parse(
        [...bytes].map((byte) => Buffer.from([byte])),
        4_096,
      ),
    ).toThrow(error)
  })

  test('too large are refused by their head, before their bytes come', () => {
    expect(() => parse([Buffer.from([3, 0, 1, 0x7f, 0xff, 0xff, 0xff])])).toThrow(/more than/)
  })

  test('behind an end are not handed on', () => {
    const seen: number[] = []
    const parser = new FrameParser((_, channel) => {
      seen.push(channel)
      if (channel === 2) parser.end()
    })
    parser.push(Buffer.concat([1, 2, 3].map((channel) => frame(8, channel, Buffer.alloc(0)))))
    expect(seen).toEqual([1, 2])
  })

  test('of a heartbeat are eight bytes', () => {
    expect(heartbeatFrame().toString('hex')).toBe('08000000000000ce')
  })
})

describe('a message on its way out', () => {
  const send = (body: Uint8Array, frameMax: number, headers = {}): Buffer => {
    const writer = new ByteWriter(64)
    new ContentWriter(writer, 5, frameMax, new HeadersCache()).write({
      exchange: 'x',
      routingKey: 'k',
      mandatory: true,
      properties: { headers, correlationId: 'id' },
      body,
    })
    return Buffer.concat(writer.take())
  }

  test('is a method, a header, and bodies of at most a frame each', () => {
    fc.assert(
      fc.property(fc.nat(70_000), fc.constantFrom(4_096, 5_000, FRAME_MAX), (size, frameMax) => {
        const body = Buffer.alloc(size, 'body')
        const { frames } = parse([send(body, frameMax)], frameMax)
        expect(frames.every(([, channel]) => channel === 5)).toBe(true)
        expect(frames.map(([type]) => type)).toEqual([
          FRAME_METHOD,
          FRAME_HEADER,
          ...Array.from({ length: Math.ceil(size / (frameMax - 8)) }, () => FRAME_BODY),
        ])
        expect(
          frames
            .slice(2)
            .map(([, , payload]) => payload)
            .join(''),
        ).toBe(body.toString('latin1'))
        const { name, args } = readMethod(readerOf(Buffer.from(frames[0]?.[2] ?? '', 'latin1')), {})
        expect([name, args]).toEqual([
          'basic.publish',
          { exchange: 'x', routingKey: 'k', mandatory: true, immediate: false },
        ])
      }),
      { numRuns: 200 },
    )
  })

  test('whose headers are larger than a frame is refused, and leaves no byte behind', () => {
    const writer = new ByteWriter(64)
    const content = new ContentWriter(writer, 1, 4_096, new HeadersCache())
    const message = { exchange: '', routingKey: 'q', mandatory: false, body: Buffer.from('b') }
    content.write({ ...message, properties: { correlationId: 'before' } })
    const before = writer.size
    const wrong: Headers[] = [{ big: 'x'.repeat(5_000) }, { bad: Number.NaN }, { ['k'.repeat(256)]: 1 }]
    for (const headers of wrong) {
      expect(() => content.write({ ...message, properties: { headers } })).toThrow(
        expect.objectContaining({ code: 'ENCODE_FAILED' }),
      )
      expect(writer.size).toBe(before)
    }
    content.write({ ...message, properties: { correlationId: 'after' } })
    const { frames } = parse([Buffer.concat(writer.take())], 4_096)
    expect(frames.map(([type]) => type)).toEqual([1, 2, 3, 1, 2, 3])
  })

  test('is sent to any number of places without all of them being remembered for ever', () => {
    const writer = new ByteWriter()
    const content = new ContentWriter(writer, 1, FRAME_MAX, new HeadersCache())
    for (let i = 0; i < 2_000; i++) {
      content.write({
        exchange: '',
        routingKey: `q${i}`,
        mandatory: i % 2 === 0,
        properties: {},
        body: Buffer.alloc(0),
      })
    }
    const keys = parse([Buffer.concat(writer.take())]).frames.filter(([type]) => type === FRAME_METHOD)
    const read = keys.map(([, , payload]) => readMethod(readerOf(Buffer.from(payload, 'latin1')), {}).args)
    expect(read.map((args) => ('routingKey' in args ? args.routingKey : ''))).toEqual(keys.map((_, i) => `q${i}`))
    expect(content.known).toBeLessThanOrEqual(512)
  })
})

describe('a message on its way in', () => {
  const method = { name: 'basic.deliver', args: {} as never } as const

  /** Feeds the payloads of frames. */
  function feed(reader: ContentReader, bytes: Buffer): ReturnType<ContentReader['header']> {
    let content: ReturnType<ContentReader['header']>
    const parser = new FrameParser((type, _, buffer, start, end) => {
      content =
        type === FRAME_HEADER
          ? reader.header(new ByteReader().over(buffer, start, end))
          : (reader.body(buffer, start, end) ?? content)
    })
    parser.frameMax = FRAME_MAX
    parser.push(bytes)
    return content
  }

  test('is whole when its bodies are, in as many frames as they come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9_000 }), fc.integer({ min: 9, max: 4_096 }), (body, frameMax) => {
        const reader = new ContentReader(10_000)
        reader.begin(method)
        const content = feed(
          reader,
          Buffer.concat([headerFrame(1, body.length, { correlationId: 'c' }), bodyFrames(1, body, frameMax)]),
        )
        expect(content?.properties).toEqual({ correlationId: 'c' })
        expect(Buffer.compare(content?.body ?? Buffer.alloc(1), body)).toBe(0)
        expect(reader.isBusy).toBe(false)
      }),
    )
  })

  test('does not hold the read of the socket that it came with', () => {
    const reader = new ContentReader(10_000)
    reader.begin(method)
    const chunk = Buffer.concat([headerFrame(1, 5, {}), bodyFrames(1, Buffer.from('hello')), Buffer.alloc(0)])
    const large = Buffer.alloc(65_536)
    chunk.copy(large)
    const content = feed(reader, large.subarray(0, chunk.length))
    expect(Buffer.from(content?.body ?? []).toString()).toBe('hello')
    expect(content?.body.buffer).not.toBe(large.buffer)
  })

  test('past the limit is read to its end and told with its size, without its body', () => {
    const reader = new ContentReader(100)
    for (const size of [100, 101, 5_000]) {
      reader.begin(method)
      const content = feed(reader, Buffer.concat([headerFrame(1, size, {}), bodyFrames(1, Buffer.alloc(size), 64)]))
      expect([content?.size, content?.isDropped, content?.body.length]).toEqual([
        size,
        size > 100,
        size > 100 ? 0 : size,
      ])
    }
  })

  test.each([
    ['a header without a method', [headerFrame(1, 1, {})], false],
    ['a body without a header', [bodyFrames(1, Buffer.alloc(1))], true],
    ['a second header', [headerFrame(1, 1, {}), headerFrame(1, 1, {})], true],
    ['a body longer than announced', [headerFrame(1, 1, {}), bodyFrames(1, Buffer.alloc(2))], true],
  ])('out of order is an error: %s', (_, frames, begun) => {
    const reader = new ContentReader(100)
    if (begun) reader.begin(method)
    expect(() => feed(reader, Buffer.concat(frames))).toThrow(expect.objectContaining({ code: 'WIRE_INVALID' }))
  })

  test('of another class is an error', () => {
    const reader = new ContentReader(100)
    reader.begin(method)
    const bytes = headerFrame(1, 1, {})
    bytes[8] = 61
    expect(() => feed(reader, bytes)).toThrow(/class 61/)
    expect(methodFrame(1, 'tx.commit').length).toBe(12)
  })
})
