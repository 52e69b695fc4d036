import { describe, expect, test } from 'vitest'
import { onLog, type LogRecord } from '../../../src/base/log.ts'
import type { AmqpChannel, AmqpChannelEvents } from '../../../src/broker/amqp/client/channel.ts'
import type { AmqpConnection, AmqpConnectionEvents } from '../../../src/broker/amqp/client/connection.ts'
import { FrameParser } from '../../../src/broker/amqp/wire/frame-parser.ts'
import { FRAME_HEARTBEAT, FRAME_METHOD } from '../../../src/broker/amqp/wire/frames.ts'
import { readMethod } from '../../../src/broker/amqp/wire/method-codec.ts'
import type { Args } from '../../../src/broker/amqp/wire/methods.ts'
import { ByteReader } from '../../../src/broker/amqp/wire/reader.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { contentFrames, type FakeSocket, fakeConnection, greetings, methodFrame } from './server-frames.ts'

/** What the client wrote, as `channel method {args}`; contents as `channel header`, `channel body`. */
function said(bytes: Buffer): { name: string; channel: number; args: object }[] {
  const list: { name: string; channel: number; args: object }[] = []
  const parser = new FrameParser((type, channel, buffer, start, end) => {
    if (type === FRAME_METHOD) list.push({ channel, ...readMethod(new ByteReader().over(buffer, start, end), {}) })
    else list.push({ channel, name: type === FRAME_HEARTBEAT ? 'heartbeat' : `frame ${type}`, args: {} })
  })
  parser.frameMax = 131_072
  parser.push(bytes.toString('latin1', 0, 4) === 'AMQP' ? bytes.subarray(8) : bytes)
  return list
}

const names = (bytes: Buffer): string[] => said(bytes).map(({ name }) => name)

interface Scene {
  clock: VirtualClock
  socket: FakeSocket
  connection: AmqpConnection
  /** Lets the turn end and the promises get on; returns what was written since. */
  turn(): Promise<Buffer>
  server(...frames: Buffer[]): void
}

async function opened(
  events: AmqpConnectionEvents = {},
  limits: Parameters<typeof fakeConnection>[2] = {},
  tune: Partial<Args<'connection.tune'>> = {},
): Promise<Scene> {
  const clock = new VirtualClock()
  const { socket, connection } = fakeConnection(clock, events, limits)
  const server = (...frames: Buffer[]): void => {
    for (const frame of frames) socket.emit('data', frame)
  }
  const turn = async (): Promise<Buffer> => {
    await clock.play(0)
    return socket.take()
  }
  server(...greetings(tune))
  await connection.opened
  await turn()
  return { clock, socket, connection, turn, server }
}

async function channelOf({ connection, server, turn }: Scene, events: AmqpChannelEvents = {}): Promise<AmqpChannel> {
  const opening = connection.channel(events)
  const [open] = said(await turn())
  server(methodFrame(open?.channel ?? 0, 'channel.open-ok'))
  return opening
}

describe('opening', () => {
  test('says who we are and what we want, and asks no more than the broker allows', async () => {
    const clock = new VirtualClock()
    const { socket, connection } = fakeConnection(clock, {}, { heartbeatS: 60 })
    expect(socket.take().toString('latin1')).toBe('AMQP\x00\x00\x09\x01')
    for (const frame of greetings({ channelMax: 100, frameMax: 8_192, heartbeat: 20 })) socket.emit('data', frame)
    await connection.opened
    clock.advance(0)
    const [startOk, tuneOk, open] = said(socket.take())
    expect(startOk?.args).toMatchObject({
      mechanism: 'PLAIN',
      response: Buffer.from('\0user\0secret'),
      locale: 'en_US',
    })
    expect(startOk?.args).toMatchObject({
      clientProperties: { connection_name: 'test', capabilities: { 'basic.nack': true } },
    })
    expect(tuneOk?.args).toEqual({ channelMax: 100, frameMax: 8_192, heartbeat: 20 })
    expect(open?.args).toEqual({ virtualHost: 'vhost' })
    expect(connection.frameMax).toBe(8_192)
    expect(connection.serverProperties).toEqual({ product: 'a test' })
  })

  test('takes our own limits where the broker has none', async () => {
    const { connection } = await opened({}, {}, { channelMax: 0, frameMax: 0, heartbeat: 0 })
    expect(connection.frameMax).toBe(131_072)
  })

  test.each([
    [
      'a refusal',
      [methodFrame(0, 'connection.close', { replyCode: 530, replyText: 'NOT_ALLOWED' })],
      530,
      'NOT_ALLOWED',
    ],
    ['no mechanism of ours', [methodFrame(0, 'connection.start', { mechanisms: Buffer.from('GSSAPI') })], 403, 'PLAIN'],
    ['another protocol', [Buffer.from('AMQP\x03\x01\x00\x00', 'latin1')], 501, 'another protocol version'],
    ['a web server', [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')], 501, 'more than the 4096'],
    ['a delivery', [methodFrame(0, 'basic.deliver')], 503, 'during the opening'],
    ['a channel', [methodFrame(1, 'channel.open-ok')], 504, 'not open'],
  ])('ends with %s as a typed error', async (_, frames, code, problem) => {
    const { socket, connection } = fakeConnection(new VirtualClock())
    for (const frame of frames) socket.emit('data', frame)
    await expect(connection.opened).rejects.toMatchObject({ name: 'LinkError', scope: 'connection', code })
    await expect(connection.opened).rejects.toThrow(problem)
    expect(socket.destroyed).toBe(true)
  })

  test('takes a hang-up after our password for a refusal', async () => {
    const { socket, connection } = fakeConnection(new VirtualClock())
    socket.emit('data', greetings()[0])
    socket.emit('end')
    await expect(connection.opened).rejects.toMatchObject({ code: 403 })
  })
})

describe('a channel', () => {
  test('has overlapping calls answered in their order', async () => {
    const scene = await opened()
    const channel = await channelOf(scene)
    const answers = Promise.all([
      channel.call('queue.declare', { queue: 'a' }),
      channel.call('queue.purge', { queue: 'b' }),
      channel.call('queue.declare', { queue: 'c' }),
    ])
    expect(names(await scene.turn())).toEqual(['queue.declare', 'queue.purge', 'queue.declare'])
    scene.server(
      methodFrame(1, 'queue.declare-ok', { queue: 'a', messageCount: 1 }),
      methodFrame(1, 'queue.purge-ok', { messageCount: 2 }),
      methodFrame(1, 'queue.declare-ok', { queue: 'c', consumerCount: 3 }),
    )
    expect(await answers).toEqual([
      { queue: 'a', messageCount: 1, consumerCount: 0 },
      { messageCount: 2 },
      { queue: 'c', messageCount: 0, consumerCount: 3 },
    ])
  })

  test('sends all of one turn in one write, and the acks of the turn with it', async () => {
    const scene = await opened()
    const tags: number[] = []
    const channel = await channelOf(scene, { onDelivery: (_, { deliveryTag }) => void tags.push(deliveryTag) })
    scene.server(
      ...[1, 2, 3].flatMap((deliveryTag) => contentFrames(1, 'basic.deliver', { deliveryTag }, {}, Buffer.from('b'))),
    )
    for (const tag of tags) {
      channel.publish({ exchange: '', routingKey: 'r', mandatory: false, properties: {}, body: Buffer.from('reply') })
      channel.ack(tag)
    }
    expect(scene.socket.sent).toEqual([])
    await scene.clock.play(0)
    expect(scene.socket.sent).toHaveLength(1)
    const all = said(scene.socket.take())
    expect(all.map(({ name }) => name)).toEqual([
      ...Array(3).fill(['basic.publish', 'frame 2', 'frame 3']).flat(),
      'basic.ack',
    ])
    expect(all.at(-1)?.args).toEqual({ deliveryTag: 3, multiple: true })
  })

  test('does not acknowledge what was delivered without acks', async () => {
    const scene = await opened()
    const channel = await channelOf(scene)
    const consuming = channel.consume('q', 'tag', true)
    await scene.turn()
    scene.server(methodFrame(1, 'basic.consume-ok', { consumerTag: 'tag' }))
    await consuming
    scene.server(...contentFrames(1, 'basic.deliver', { consumerTag: 'tag', deliveryTag: 1 }, {}, Buffer.from('b')))
    expect(channel.ack(1)).toBe(false)
    expect((await scene.turn()).length).toBe(0)
  })

  test('that the broker closes fails what was asked of it, and no other channel', async () => {
    const closed: unknown[] = []
    const scene = await opened()
    const one = await channelOf(scene, { onClosed: (error) => closed.push(error) })
    const other = await channelOf(scene)
    const failing = [one.call('queue.declare', { queue: 'a' }), one.call('basic.qos', {})]
    const asked = other.call('queue.declare', { queue: 'b' })
    await scene.turn()
    scene.server(
      methodFrame(1, 'channel.close', { replyCode: 406, replyText: 'PRECONDITION_FAILED', classId: 60, methodId: 40 }),
    )
    for (const call of failing) {
      await expect(call).rejects.toMatchObject({
        scope: 'channel',
        code: 406,
        message: 'PRECONDITION_FAILED',
        isByPublish: true,
      })
    }
    expect(closed).toHaveLength(1)
    expect(() =>
      one.publish({ exchange: '', routingKey: '', mandatory: false, properties: {}, body: Buffer.alloc(0) }),
    ).toThrow('PRECONDITION_FAILED')
    scene.server(methodFrame(2, 'queue.declare-ok', { queue: 'b' }))
    await expect(asked).resolves.toMatchObject({ queue: 'b' })
    expect(names(await scene.turn())).toEqual(['channel.close-ok'])
    expect((await channelOf(scene)).number).toBe(1)
  })

  test('closed from here hears nothing but the goodbye, also when both say it at once', async () => {
    let deliveries = 0
    const scene = await opened()
    const channel = await channelOf(scene, { onDelivery: () => void deliveries++ })
    scene.server(...contentFrames(1, 'basic.deliver', { deliveryTag: 1 }, {}, Buffer.from('b')))
    channel.ack(1)
    const pending = channel.call('basic.qos', {})
    const closing = channel.close()
    await expect(pending).rejects.toMatchObject({ scope: 'channel', code: 0 })
    expect(names(await scene.turn())).toEqual(['basic.qos', 'basic.ack', 'channel.close'])
    scene.server(
      methodFrame(1, 'basic.qos-ok'),
      ...contentFrames(1, 'basic.deliver', { deliveryTag: 2 }, {}, Buffer.from('b')),
      methodFrame(1, 'channel.close', { replyCode: 404 }),
    )
    expect(names(await scene.turn())).toEqual(['channel.close-ok'])
    scene.server(methodFrame(1, 'channel.close-ok'))
    await closing
    expect(deliveries).toBe(1)
    expect(scene.connection.error).toBeUndefined()
  })

  test('waits no longer for an answer than it must, and takes a late one for what it is', async () => {
    const scene = await opened({}, { heartbeatS: 0 })
    const channel = await channelOf(scene)
    const silent = channel.get('q')
    const consuming = channel.consume('q', 'late', false)
    const both = Promise.allSettled([silent, consuming])
    await scene.clock.play(10_000)
    for (const answer of await both) expect(answer).toMatchObject({ status: 'rejected', reason: { scope: 'channel' } })
    scene.socket.take()
    const asked = channel.call('queue.purge', { queue: 'q' })
    scene.server(
      ...contentFrames(1, 'basic.get-ok', { deliveryTag: 1 }, {}, Buffer.from('late')),
      methodFrame(1, 'basic.consume-ok', { consumerTag: 'late' }),
      methodFrame(1, 'queue.purge-ok', { messageCount: 4 }),
    )
    expect(await asked).toEqual({ messageCount: 4 })
    const back = said(await scene.turn())
    expect(back.map(({ name }) => name)).toEqual(['queue.purge', 'basic.nack', 'basic.cancel'])
    expect(back[1]?.args).toEqual({ deliveryTag: 1, multiple: false, requeue: true })
  })

  test('tells of confirmations, returns and cancelled consumers in the order in which they come', async () => {
    const heard: string[] = []
    const scene = await opened()
    await channelOf(scene, {
      onConfirm: (tag, multiple, isAck) => heard.push(`${isAck ? 'ack' : 'nack'} ${tag} ${multiple}`),
      onReturn: ({ body }, { routingKey, replyCode }) => heard.push(`return ${routingKey} ${replyCode} ${body.length}`),
      onCancelled: (tag) => heard.push(`cancel ${tag}`),
    })
    scene.server(
      ...contentFrames(1, 'basic.return', { replyCode: 312, routingKey: 'none' }, {}, Buffer.alloc(3)),
      methodFrame(1, 'basic.ack', { deliveryTag: 2, multiple: true }),
      methodFrame(1, 'basic.nack', { deliveryTag: 3 }),
      methodFrame(1, 'basic.cancel', { consumerTag: 'c1', nowait: true }),
      methodFrame(1, 'basic.cancel', { consumerTag: 'c2' }),
    )
    expect(heard).toEqual(['return none 312 3', 'ack 2 true', 'nack 3 false', 'cancel c1', 'cancel c2'])
    expect(said(await scene.turn())).toEqual([{ channel: 1, name: 'basic.cancel-ok', args: { consumerTag: 'c2' } }])
  })

  test('does not suffer from a listener that throws', async () => {
    const scene = await opened()
    const channel = await channelOf(scene, {
      onDelivery: () => {
        throw new Error('not mine')
      },
    })
    scene.server(...contentFrames(1, 'basic.deliver', { deliveryTag: 1 }, {}, Buffer.from('b')))
    expect(channel.ack(1)).toBe(true)
    expect(names(await scene.turn())).toEqual(['basic.ack'])
  })

  test('leaves a message that is too large where it is, and says so', async () => {
    const logs: LogRecord[] = []
    const unlisten = onLog((record) => logs.push(record))
    let deliveries = 0
    const scene = await opened({}, { maxBodyBytes: 10 })
    const channel = await channelOf(scene, { onDelivery: () => void deliveries++ })
    const got = channel.get('q')
    scene.server(
      ...contentFrames(1, 'basic.deliver', { deliveryTag: 1 }, {}, Buffer.alloc(11)),
      ...contentFrames(1, 'basic.get-ok', { deliveryTag: 2 }, {}, Buffer.alloc(11)),
      ...contentFrames(1, 'basic.deliver', { deliveryTag: 3 }, {}, Buffer.alloc(10)),
    )
    await expect(got).rejects.toThrow('11 bytes is too large')
    unlisten()
    expect(deliveries).toBe(1)
    expect(logs.map(({ level, fields }) => [level, fields.size])).toEqual([['error', 11]])
    channel.ack(3)
    expect(said(await scene.turn()).map(({ args }) => args)).toContainEqual({ deliveryTag: 3, multiple: false })
  })
})

describe('a connection', () => {
  test('has no more channels than the broker allows', async () => {
    const scene = await opened({}, {}, { channelMax: 2 })
    await channelOf(scene)
    await channelOf(scene)
    await expect(scene.connection.channel({})).rejects.toMatchObject({ scope: 'channel', message: /all 2 channels/ })
  })

  test('that the broker closes fails all that is on it, once, with the reason', async () => {
    const ends: unknown[] = []
    const scene = await opened({ onClosed: ({ code }) => ends.push(code) })
    const channel = await channelOf(scene, { onClosed: ({ scope }) => ends.push(scope) })
    const asked = channel.call('basic.qos', {})
    scene.server(methodFrame(0, 'connection.close', { replyCode: 320, replyText: 'CONNECTION_FORCED' }))
    scene.socket.emit('end')
    await expect(asked).rejects.toMatchObject({ scope: 'connection', code: 320 })
    await expect(scene.connection.channel({})).rejects.toMatchObject({ scope: 'connection', code: 320 })
    expect(ends).toEqual(['connection', 320])
    expect(names(await scene.turn())).toContain('connection.close-ok')
    expect(scene.socket.destroyed).toBe(true)
    expect(scene.clock.waiting).toBe(0)
  })

  test('tells the broker what rule it has broken', async () => {
    const scene = await opened()
    scene.server(methodFrame(9, 'basic.ack'))
    const [close] = said(await scene.turn())
    expect(close).toMatchObject({ name: 'connection.close', args: { replyCode: 504 } })
    expect(scene.connection.error).toMatchObject({ code: 504, message: /channel 9/ })
  })

  test('sends its acks before its goodbye, and is gone when the socket is', async () => {
    const scene = await opened()
    const channel = await channelOf(scene)
    scene.server(...contentFrames(1, 'basic.deliver', { deliveryTag: 1 }, {}, Buffer.from('b')))
    channel.ack(1)
    let isGone = false
    const closing = scene.connection.close().then(() => (isGone = true))
    expect(names(await scene.turn())).toEqual(['basic.ack', 'connection.close'])
    expect(isGone).toBe(false)
    scene.server(methodFrame(0, 'connection.close-ok'))
    await closing
    expect(scene.clock.waiting).toBe(0)
    await scene.connection.close()
  })

  test('does not wait for ever for the goodbye of a broker that is silent', async () => {
    const scene = await opened({}, { heartbeatS: 0 })
    const closing = scene.connection.close()
    await scene.clock.play(2_000)
    await closing
    expect(scene.clock.waiting).toBe(0)
  })

  test('tells when the broker takes no messages, and when it does again', async () => {
    const heard: unknown[] = []
    const scene = await opened({ onBlocked: (reason) => heard.push(reason) })
    scene.server(
      methodFrame(0, 'connection.blocked', { reason: 'low on memory' }),
      methodFrame(0, 'connection.unblocked'),
    )
    expect(heard).toEqual(['low on memory', undefined])
  })

  test('has no room while the socket takes nothing and enough has gathered, and tells when it has', async () => {
    let rooms = 0
    const scene = await opened({ onRoom: () => void rooms++ }, { maxBufferedBytes: 100_000 })
    const channel = await channelOf(scene)
    scene.socket.takesMore = false
    const message = { exchange: '', routingKey: 'q', mandatory: false, properties: {}, body: Buffer.alloc(10_000) }
    let sent = 0
    for (; scene.connection.hasRoom && sent < 1_000; sent++) channel.publish(message)
    // One lot at the socket, another one here: what gathers is bounded.
    expect(sent).toBeGreaterThan(10)
    expect(sent).toBeLessThan(30)
    expect(rooms).toBe(0)
    scene.socket.takesMore = true
    scene.socket.emit('drain')
    expect(rooms).toBe(1)
    expect(scene.connection.hasRoom).toBe(true)
    expect(names(scene.socket.take()).filter((name) => name === 'basic.publish')).toHaveLength(sent)
  })

  test('has no room while the broker stops the flow on a channel', async () => {
    let rooms = 0
    const scene = await opened({ onRoom: () => void rooms++ })
    await channelOf(scene)
    scene.server(methodFrame(1, 'channel.flow', { active: false }))
    expect(scene.connection.hasRoom).toBe(false)
    scene.server(methodFrame(1, 'channel.flow', { active: true }))
    expect([scene.connection.hasRoom, rooms]).toEqual([true, 1])
    expect(said(await scene.turn()).map(({ args }) => args)).toEqual([{ active: false }, { active: true }])
  })
})

describe('heartbeats', () => {
  test('are sent in each half interval in which nothing else was', async () => {
    const scene = await opened({}, { heartbeatS: 20 })
    const channel = await channelOf(scene)
    await scene.turn()
    const beats: string[][] = []
    for (let half = 0; half < 4; half++) {
      scene.server(methodFrame(1, 'basic.ack', { deliveryTag: 1 }))
      if (half === 2) channel.ack(0)
      if (half === 2)
        channel.publish({ exchange: '', routingKey: '', mandatory: false, properties: {}, body: Buffer.alloc(0) })
      await scene.clock.play(10_000)
      beats.push(names(scene.socket.take()))
    }
    // The opening was in the first half.
    expect(beats).toEqual([[], ['heartbeat'], ['basic.publish', 'frame 2'], ['heartbeat']])
  })

  test('that do not come are a dead peer, within two intervals and not before one and a half', async () => {
    let lostAtMs = 0
    const scene = await opened({ onClosed: () => (lostAtMs = scene.clock.monotonic()) }, { heartbeatS: 20 })
    await scene.clock.play(7_000)
    scene.server(methodFrame(0, 'connection.unblocked'))
    const heardAtMs = scene.clock.monotonic()
    for (let ms = 0; ms < 60_000 && lostAtMs === 0; ms += 500) await scene.clock.play(500)
    expect(lostAtMs - heardAtMs).toBeLessThanOrEqual(40_000)
    expect(lostAtMs - heardAtMs).toBeGreaterThanOrEqual(30_000)
    expect(scene.connection.error).toMatchObject({ code: 0, message: /silent for two heartbeats of 20 s/ })
    expect(scene.socket.destroyed).toBe(true)
  })

  test('do not take a stalled event loop for a dead peer: what has come meanwhile is read first', async () => {
    const scene = await opened({}, { heartbeatS: 20 })
    await scene.clock.play(30_500)
    // The timer is due, and the bytes of the peer wait in the socket behind it.
    scene.clock.after(9_500, () => scene.server(methodFrame(0, 'connection.unblocked')))
    scene.clock.advance(9_500)
    await scene.turn()
    expect(scene.connection.error).toBeUndefined()
  })

  test('are not asked for when we want none', async () => {
    const scene = await opened({}, { heartbeatS: 0 })
    await scene.clock.play(600_000)
    expect(scene.connection.error).toBeUndefined()
    expect(scene.clock.waiting).toBe(0)
  })
})
