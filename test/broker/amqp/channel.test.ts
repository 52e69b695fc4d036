import { describe, expect, test } from 'vitest'
import { onLog, type LogRecord } from '../../../src/base/log.ts'
import { contentFrames, methodFrame } from './server-frames.ts'
import { channelOf, names, opened, said } from './fake-scene.ts'

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

  test('lets others be answered before its consumers, which RabbitMQ has the queues answer', async () => {
    const scene = await opened()
    const channel = await channelOf(scene)
    const heard: string[] = []
    const ended = [
      channel.consume('q', 'new', false).then(() => heard.push('consume')),
      channel.cancel('one').then(() => heard.push('cancel one')),
      channel.cancel('two').then(() => heard.push('cancel two')),
      channel.call('basic.qos', { prefetchCount: 3 }).then(() => heard.push('qos')),
    ]
    await scene.turn()
    scene.server(methodFrame(1, 'basic.qos-ok', {}))
    scene.server(methodFrame(1, 'basic.cancel-ok', { consumerTag: 'two' }))
    scene.server(methodFrame(1, 'basic.consume-ok', { consumerTag: 'new' }))
    scene.server(methodFrame(1, 'basic.cancel-ok', { consumerTag: 'one' }))
    await Promise.all(ended)
    expect(heard).toEqual(['qos', 'cancel two', 'consume', 'cancel one'])
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
      ...[1, 2, 3].flatMap(() => ['basic.publish', 'frame 2', 'frame 3']),
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
