import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { contentFrames, fakeConnection, greetings, methodFrame } from './server-frames.ts'
import { channelOf, names, opened, said } from './fake-scene.ts'

const body = Buffer.from('a body')

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

  test('sends what is written at the end of a turn with what the turn has written', async () => {
    const scene = await opened()
    const channel = await channelOf(scene)
    const { outgoing } = scene.connection
    scene.server(...contentFrames(1, 'basic.deliver', { deliveryTag: 1 }, {}, Buffer.from('b')))
    channel.ack(1)
    outgoing.last(() => channel.publish({ exchange: '', routingKey: 'q', mandatory: false, properties: {}, body }))
    await scene.clock.play(0)
    expect(scene.socket.sent).toHaveLength(1)
    expect(names(scene.socket.take())).toEqual(['basic.ack', 'basic.publish', 'frame 2', 'frame 3'])
  })

  test('does not call who waits for the end of the turn in the middle of it, however much is written', async () => {
    const scene = await opened()
    const channel = await channelOf(scene)
    let isCalled = false
    scene.connection.outgoing.last(() => (isCalled = true))
    const large = Buffer.alloc(100_000)
    channel.publish({ exchange: '', routingKey: 'q', mandatory: false, properties: {}, body: large })
    expect(scene.socket.take().length).toBeGreaterThan(large.length)
    expect(isCalled).toBe(false)
    await scene.turn()
    expect(isCalled).toBe(true)
  })

  test('calls who waits for the end of the turn when it has ended, too', async () => {
    const scene = await opened()
    const called: string[] = []
    scene.connection.outgoing.last(() => called.push('before'))
    scene.connection.destroy()
    scene.connection.outgoing.last(() => called.push('after'))
    await scene.turn()
    expect(called).toEqual(['before', 'after'])
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
