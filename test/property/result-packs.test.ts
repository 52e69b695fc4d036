import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Packed, packed, packedQueue, readsPacks, unpacked } from '../../src/backend/rpc/pack.ts'
import type { Message } from '../../src/protocol/message.ts'

const message: fc.Arbitrary<Message> = fc.record(
  {
    headers: fc.dictionary(fc.string({ maxLength: 10 }), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
      maxKeys: 3,
    }),
    body: fc.uint8Array({ maxLength: 300 }),
    contentType: fc.string({ maxLength: 30 }),
    contentEncoding: fc.constantFrom('', 'utf-8', 'binary'),
    deliveryMode: fc.constantFrom(1 as const, 2 as const),
    correlationId: fc.string({ maxLength: 40 }),
  },
  { requiredKeys: ['headers', 'body', 'contentType', 'contentEncoding', 'deliveryMode'] },
)

test('what is packed comes out as it was, in its order', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 20 }), (messages) => {
      const pack = packed(messages)
      expect(pack.deliveryMode).toBe(Math.max(...messages.map(({ deliveryMode }) => deliveryMode)))
      const plain = (all: readonly Packed[]): unknown =>
        all.map(({ body, headers, contentType, contentEncoding, correlationId }) => [
          { ...headers },
          [...body],
          contentType,
          contentEncoding,
          correlationId,
        ])
      expect(plain(unpacked(pack.body))).toEqual(plain(messages))
    }),
  )
})

test('no bytes do more than fail', () => {
  const broken = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(fc.array(message, { minLength: 1, maxLength: 3 }), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([all, at, byte]) => {
        const body = Buffer.from(packed(all).body)
        body[at % body.length] = byte
        return body
      }),
  )
  fc.assert(
    fc.property(broken, (bytes) => {
      try {
        for (const { body, contentType } of unpacked(bytes))
          expect([typeof contentType, body.length >= 0]).toEqual(['string', true])
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
        expect(['RangeError', 'SyntaxError', 'TypeError']).toContain((error as Error).constructor.name)
      }
    }),
  )
})

test('a name of a queue says whether its reader takes packs', () => {
  fc.assert(fc.property(fc.uuid(), (id) => !readsPacks(id) && readsPacks(packedQueue(id))))
})
