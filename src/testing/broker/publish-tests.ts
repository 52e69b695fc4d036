import { WireValue } from '../../protocol/headers.ts'
import type { Message } from '../../protocol/message.ts'
import { type SuiteContext, textMessage, toQueue } from './scene.ts'

/** One header of every tag and of every edge at which a plain number changes its tag. */
export const EVERY_HEADER = {
  text: 'grüße, 世界 \u{1f600}',
  emptyText: '',
  yes: true,
  no: false,
  nothing: null,
  int: 1,
  zero: 0,
  negative: -5,
  short: 300,
  medium: 40_000,
  largestInt: 2 ** 31 - 1,
  smallestInt: -(2 ** 31),
  firstLong: 2 ** 31,
  milliseconds: 1_790_000_000_123,
  firstNegativeLong: -(2 ** 31) - 1,
  hugeInteger: 2n ** 62n,
  hugeNegative: -(2n ** 62n),
  fraction: 1.5,
  tiny: 1e-7,
  wholeDouble: new WireValue('d', 1),
  float: new WireValue('f', 0.5),
  int8: new WireValue('b', -3),
  uint8: new WireValue('B', 200),
  int16: new WireValue('s', -300),
  uint16: new WireValue('u', 60_000),
  uint32: new WireValue('i', 4_000_000_000),
  smallLong: new WireValue('l', 7n),
  timestamp: new WireValue('T', 1_790_000_000n),
  decimal: new WireValue('D', { digits: -314, scale: 2 }),
  bytes: new Uint8Array([0, 1, 254, 255]),
  noBytes: new Uint8Array(),
  list: [1, 'two', null, 2.5, [true], { deep: new WireValue('d', 3) }],
  emptyList: [],
  table: { a: 1, b: { c: [new WireValue('l', 1n)] }, empty: {} },
} as const

const EVERY_PROPERTY: Omit<Message, 'body' | 'headers'> = {
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  deliveryMode: 1,
  priority: 0,
  correlationId: 'c-1',
  replyTo: 'r-1',
  expirationMs: 3_600_000,
  messageId: 'm-1',
  type: 't-1',
  appId: 'a-1',
  timestamp: 1_790_000_000,
}

export function publishTests({ scene, expect }: SuiteContext): void {
  scene('publish resolves when the queue holds the message', async (s) => {
    const queue = await s.queue()
    await s.send(queue, 'one', 'two')
    await s.untilWaiting(queue, 2)
  })

  scene('a message that no queue takes is UNROUTABLE, and its neighbours are not', async (s) => {
    const queue = await s.queue()
    const nowhere = s.name()
    const sent = await Promise.allSettled(
      ['a', nowhere, 'b', nowhere, 'c'].map((text) =>
        s.broker.publish(textMessage(text), toQueue(text === nowhere ? nowhere : queue)),
      ),
    )
    expect(sent.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    const unroutable = { code: 'UNROUTABLE', details: { routingKey: nowhere } }
    await expect(s.broker.publish(textMessage('x'), toQueue(nowhere))).rejects.toMatchObject(unroutable)
    const inbox = await s.inbox(queue)
    expect(await inbox.texts(3)).toEqual(['a', 'b', 'c'])
  })

  scene('a message that need not be routed is dropped where no queue takes it', async (s) => {
    await s.broker.publish(textMessage('x'), toQueue(s.name()), { mandatory: false })
    const exchange = s.name()
    await s.broker.declare({ exchanges: [{ name: exchange, type: 'direct' }] })
    await s.broker.publish(textMessage('x'), { exchange, routingKey: 'nobody' }, { mandatory: false })
    await expect(s.broker.publish(textMessage('x'), { exchange, routingKey: 'nobody' })).rejects.toMatchObject({
      code: 'UNROUTABLE',
    })
  })

  scene('an exchange that is not there is UNROUTABLE for those who named it, and for nobody else', async (s) => {
    const queue = await s.queue()
    const lost = { exchange: s.name(), routingKey: 'k' }
    const sent = await Promise.allSettled([
      s.broker.publish(textMessage('a'), toQueue(queue)),
      s.broker.publish(textMessage('lost'), lost, { mandatory: false }),
      s.broker.publish(textMessage('b'), toQueue(queue)),
      s.broker.publish(textMessage('lost'), lost),
    ])
    expect(sent.map((one) => (one.status === 'fulfilled' ? 'ok' : (one.reason as { code: string }).code))).toEqual([
      'ok',
      'UNROUTABLE',
      'ok',
      'UNROUTABLE',
    ])
    await s.send(queue, 'c')
  })

  scene('a body above the limit is MESSAGE_TOO_LARGE, one of the limit passes', async (s) => {
    const small = await s.another({ maxMessageBytes: 1000 })
    const queue = await s.queue()
    const body = new Uint8Array(1001)
    await expect(small.publish(textMessage('', { body }), toQueue(queue))).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      details: { size: 1001, limit: 1000 },
    })
    await small.publish(textMessage('', { body: body.subarray(1) }), toQueue(queue))
    await s.untilWaiting(queue, 1)
  })

  scene('headers of every tag arrive as they were, also after being passed on', async (s) => {
    const queue = await s.queue()
    await s.broker.publish(textMessage('x', { headers: EVERY_HEADER }), toQueue(queue))
    const inbox = await s.inbox(queue)
    const first = await inbox.next()
    expect(bytesAsLists(first.message.headers)).toEqual(bytesAsLists(EVERY_HEADER))
    expect(Object.keys(first.message.headers)).toEqual(Object.keys(EVERY_HEADER))
    await s.broker.publish(first.message, toQueue(queue))
    first.ack()
    const second = await inbox.next()
    second.ack()
    expect(bytesAsLists(second.message.headers)).toEqual(bytesAsLists(EVERY_HEADER))
  })

  scene('headers that no wire can carry are ENCODE_FAILED and name the place', async (s) => {
    const queue = await s.queue()
    const publish = (headers: object): Promise<void> =>
      s.broker.publish(textMessage('x', { headers: headers as Message['headers'] }), toQueue(queue))
    await expect(publish({ a: { when: new Date(0) } })).rejects.toMatchObject({
      code: 'ENCODE_FAILED',
      details: { path: '$.headers.a.when' },
    })
    await expect(publish({ none: NaN })).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
    await expect(publish({ big: 2n ** 64n })).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
    await expect(publish({ list: [1, () => 1] })).rejects.toMatchObject({
      code: 'ENCODE_FAILED',
      details: { path: '$.headers.list[1]' },
    })
    await expect(publish({ text: 'x'.repeat(200_000) })).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
    const circle: Record<string, unknown> = {}
    circle.again = circle
    await expect(publish(circle)).rejects.toMatchObject({ code: 'ENCODE_FAILED' })
    await s.send(queue, 'still well')
  })

  scene('every property arrives as it was, and those not given are absent', async (s) => {
    const queue = await s.queue()
    const bare: Message = { headers: {}, body: new Uint8Array(), contentType: '', contentEncoding: '', deliveryMode: 2 }
    await s.broker.publish({ ...EVERY_PROPERTY, headers: { h: 1 }, body: new Uint8Array([1]) }, toQueue(queue))
    await s.broker.publish(bare, toQueue(queue))
    const inbox = await s.inbox(queue)
    const full = await inbox.next()
    const { body, headers, ...properties } = full.message
    expect(properties).toEqual(EVERY_PROPERTY)
    expect(headers).toEqual({ h: 1 })
    expect([...body]).toEqual([1])
    const empty = await inbox.next()
    expect({ ...empty.message, body: [...empty.message.body] }).toEqual({ ...bare, body: [] })
  })

  scene('properties and names that no wire can carry are ENCODE_FAILED, and harm nobody', async (s) => {
    const queue = await s.queue()
    const long = 'é'.repeat(128)
    const wrong: Partial<Message>[] = [
      { priority: 256 },
      { priority: 1.5 },
      { timestamp: 1.5 },
      { timestamp: -1 },
      { expirationMs: -1 },
      { expirationMs: Number.NaN },
      { correlationId: long },
      { replyTo: long },
      { contentType: long },
      { deliveryMode: 3 as 2 },
    ]
    const failed = { code: 'ENCODE_FAILED' }
    for (const fields of wrong) {
      await expect(s.broker.publish(textMessage('x', fields), toQueue(queue))).rejects.toMatchObject(failed)
    }
    await expect(s.broker.publish(textMessage('x'), toQueue(long))).rejects.toMatchObject(failed)
    await expect(s.queue({ name: long })).rejects.toMatchObject(failed)
    await expect(s.queue({ arguments: { when: new Date(0) as never } })).rejects.toMatchObject(failed)
    await s.broker.publish(textMessage('a', { correlationId: 'é'.repeat(127), priority: 255 }), toQueue(queue))
    await s.broker.publish(textMessage('b', { expirationMs: 1e15 }), toQueue(queue))
    expect(await (await s.inbox(queue)).texts(2)).toEqual(['a', 'b'])
  })

  scene('bodies of any size and content arrive byte for byte', async (s) => {
    const queue = await s.queue()
    const sizes = [0, 1, 255, 4096, 131_064, 131_072, 1_000_000, 5_000_001]
    const bodies = sizes.map((size) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 255))
    await Promise.all(bodies.map((body) => s.broker.publish(textMessage('', { body }), toQueue(queue))))
    const inbox = await s.inbox(queue)
    for (const body of bodies) {
      const delivery = await inbox.next()
      expect(Buffer.compare(Buffer.from(delivery.message.body), Buffer.from(body))).toBe(0)
      delivery.ack()
    }
  })

  scene('thousands published at once all arrive, once and in order', async (s) => {
    const queue = await s.queue()
    const numbers = Array.from({ length: 3000 }, (_, i) => String(i))
    await Promise.all(numbers.map((text) => s.broker.publish(textMessage(text), toQueue(queue))))
    const inbox = await s.inbox(queue, { prefetch: 100 })
    expect(await inbox.texts(numbers.length)).toEqual(numbers)
    await s.untilWaiting(queue, 0)
  })
}

/** Bytes come as Buffer from one kind and as Uint8Array from another: the same bytes. */
function bytesAsLists(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (value instanceof WireValue) return { tag: value.tag, value: value.value }
  if (Array.isArray(value)) return value.map(bytesAsLists)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, bytesAsLists(inner)]))
}
