import { isLovageError } from '../../src/base/errors.ts'
import { onLog } from '../../src/base/log.ts'
import type { AmqpChannel } from '../../src/broker/amqp/client/channel.ts'
import { LinkError } from '../../src/broker/amqp/link.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import {
  contentFrames,
  fakeConnection,
  greetings,
  headerFrame,
  heartbeatFrame,
  methodFrame,
} from '../broker/amqp/server-frames.ts'

/** How many rounds ended how. */
export type Verdicts = Record<'read' | 'waiting' | 'closed by the server' | 'refused by us', number>

/** The reply codes that we end a connection with ourselves (spec 1.3.2). */
const OURS = [501, 502, 503, 504, 505]

/** What a server may say on an open channel: each method, and headers of each tag. */
const CONVERSATION: readonly Buffer[] = [
  methodFrame(1, 'queue.declare-ok', { queue: 'q', messageCount: 3, consumerCount: 1 }),
  ...contentFrames(
    1,
    'basic.deliver',
    { consumerTag: 'c', deliveryTag: 1, exchange: 'x', routingKey: 'k' },
    {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      headers: {
        task: 'a.b',
        id: '58f8a486-5956-4508-b92b-f838cada42fe',
        eta: null,
        retries: 0,
        timelimit: [null, 1.5],
        big: 2n ** 60n,
        negative: -(2 ** 40),
        bytes: Buffer.from('bytes'),
        is: true,
        stamps: { deep: { deeper: [{}] } },
      },
      deliveryMode: 2,
      priority: 0,
      correlationId: '58f8a486-5956-4508-b92b-f838cada42fe',
      replyTo: 'reply',
      expiration: '1000',
      messageId: 'm',
      timestamp: 1_790_000_000,
      type: 't',
      userId: 'guest',
      appId: 'a',
    },
    Buffer.from('[[1, 2], {}, {}]'),
  ),
  methodFrame(1, 'basic.ack', { deliveryTag: 2, multiple: true }),
  methodFrame(1, 'basic.nack', { deliveryTag: 3 }),
  heartbeatFrame(),
  ...contentFrames(
    1,
    'basic.return',
    { replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: 'none' },
    { correlationId: 'r' },
    Buffer.alloc(300, 'b'),
    128,
  ),
  methodFrame(0, 'connection.blocked', { reason: 'low on memory' }),
  methodFrame(0, 'connection.unblocked'),
  methodFrame(1, 'channel.flow', { active: false }),
  methodFrame(1, 'basic.cancel', { consumerTag: 'c', nowait: true }),
  ...contentFrames(1, 'basic.deliver', { consumerTag: 'c', deliveryTag: 2 }, {}, new Uint8Array()),
  methodFrame(1, 'channel.flow', { active: true }),
  methodFrame(1, 'basic.get-empty'),
  methodFrame(1, 'basic.qos-ok'),
]

/** What fits at the end only, or nowhere. */
const STRANGERS: readonly Buffer[] = [
  methodFrame(1, 'channel.close', { replyCode: 404, replyText: 'NOT_FOUND', classId: 60, methodId: 40 }),
  methodFrame(0, 'connection.close', { replyCode: 320, replyText: 'CONNECTION_FORCED' }),
  methodFrame(1, 'channel.close-ok'),
  methodFrame(0, 'connection.close-ok'),
  methodFrame(2, 'basic.ack', { deliveryTag: 1 }),
  methodFrame(1, 'basic.publish', { routingKey: 'q' }),
  headerFrame(1, 5, { correlationId: 'alone' }),
  Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
]

const GREETINGS = greetings()
const CHANNEL_OPENED = methodFrame(1, 'channel.open-ok')

/**
 * Plays a server whose bytes are mutated, `rounds` times: into a connection that is opening, or one with an open channel.
 * Each round must end in frames that were read, in bytes that are waited for, or in a typed error of the connection, and
 * everything that was asked must be answered when the socket closes.
 * @throws Error with the seed of the round when it does not.
 */
export async function judgeMutatedFrames(rounds: number, seed: number): Promise<Verdicts> {
  const verdicts: Verdicts = { read: 0, waiting: 0, 'closed by the server': 0, 'refused by us': 0 }
  let bug: unknown
  const unlisten = onLog(({ level, message, fields }) => {
    if (level === 'error') bug = Object.assign(new Error(message), { fields })
  })
  try {
    for (let round = 0; round < rounds; round++) {
      // What waits for the end of a turn holds its whole conversation until then.
      if (round % 100 === 99) await new Promise<void>((resolve) => void setImmediate(resolve))
      const at = (seed + Math.imul(round, 0x9e3779b1)) >>> 0
      try {
        verdicts[await play(at)]++
        if (bug !== undefined) throw bug
      } catch (error) {
        throw new Error(`round ${round}: seed ${at}`, { cause: error })
      }
    }
  } finally {
    unlisten()
  }
  return verdicts
}

async function play(seed: number): Promise<keyof Verdicts> {
  const clock = new VirtualClock({ seed })
  const draw = (below: number): number => Math.floor(clock.random() * below)
  let events = 0
  const count = (): void => void events++
  const { socket, connection } = fakeConnection(clock, { onBlocked: count }, { maxBodyBytes: 4_096 })
  const asked: Promise<unknown>[] = [connection.opened]
  let chunks: Buffer[]
  let channel: AmqpChannel | undefined
  if (draw(8) === 0) chunks = cut(mutate(GREETINGS, draw), draw)
  else {
    for (const frame of GREETINGS) socket.emit('data', frame)
    const opening = connection.channel({ onConfirm: count, onDelivery: count, onReturn: count, onCancelled: count })
    socket.emit('data', CHANNEL_OPENED)
    channel = await opening
    asked.push(channel.call('queue.declare', { queue: 'q' }), channel.get('q'), channel.call('basic.qos', {}))
    chunks = cut(mutate(CONVERSATION, draw), draw)
  }
  for (const chunk of chunks) socket.emit('data', chunk)
  const error = connection.error
  if (error !== undefined && !(error instanceof LinkError)) throw new Error('no typed error', { cause: error })
  socket.emit('close')
  connection.destroy()
  for (const answer of await Promise.allSettled(asked)) {
    if (answer.status === 'fulfilled') continue
    const { reason } = answer as { reason: unknown }
    if (!(reason instanceof LinkError) && !isLovageError(reason)) throw new Error('no typed error', { cause: reason })
  }
  if (channel && !channel.error) throw new Error('the channel outlives its connection')
  if (error === undefined) return events > 0 ? 'read' : 'waiting'
  return OURS.includes(error.code) ? 'refused by us' : 'closed by the server'
}

/** Values that lengths, tags and ids break at. */
const EDGES = [0, 1, 2, 7, 8, 0x41, 0x46, 0x53, 0x7f, 0x80, 0xce, 0xfe, 0xff]

/** Some of the frames, none or a few of them moved, doubled, lost or strange, and none or a few of their bytes changed. */
function mutate(frames: readonly Buffer[], draw: (below: number) => number): Buffer {
  const list = frames.slice(0, 1 + draw(frames.length))
  if (draw(4) === 0) list.push(STRANGERS[draw(STRANGERS.length)] as Buffer)
  for (let changes = Math.max(0, draw(6) - 3); changes > 0; changes--) {
    const [a, b] = [draw(list.length), draw(list.length)]
    const [one, other] = [list[a] as Buffer, list[b] as Buffer]
    const kind = draw(3)
    if (kind === 0) [list[a], list[b]] = [other, one]
    else if (kind === 1) list.splice(a, 1, one, other)
    else if (list.length > 1) list.splice(a, 1)
  }
  let bytes = Buffer.concat(list)
  for (let changes = draw(4); changes > 0; changes--) {
    const at = draw(bytes.length)
    switch (draw(5)) {
      case 0:
        bytes[at] = draw(256)
        break
      case 1:
        bytes[at] = EDGES[draw(EDGES.length)] as number
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + draw(9)))])
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(draw(at + 1), at), bytes.subarray(at)])
        break
      default:
        bytes.writeUInt32BE(draw(2) === 0 ? draw(2 ** 32) : draw(300), Math.min(at, bytes.length - 4))
    }
    if (bytes.length < 8) return bytes
  }
  return bytes
}

function cut(bytes: Buffer, draw: (below: number) => number): Buffer[] {
  const chunks: Buffer[] = []
  const most = draw(4) === 0 ? 8 : 1 + draw(bytes.length + 1)
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + draw(most))
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}
