import type { AmqpChannel, AmqpChannelEvents } from '../../../src/broker/amqp/client/channel.ts'
import type { AmqpConnection } from '../../../src/broker/amqp/client/connection.ts'
import type { AmqpConnectionEvents } from '../../../src/broker/amqp/client/connection-options.ts'
import { FrameParser } from '../../../src/broker/amqp/wire/frame-parser.ts'
import { FRAME_HEARTBEAT, FRAME_METHOD } from '../../../src/broker/amqp/wire/frames.ts'
import { readMethod } from '../../../src/broker/amqp/wire/method-codec.ts'
import type { Args } from '../../../src/broker/amqp/wire/methods.ts'
import { ByteReader } from '../../../src/broker/amqp/wire/reader.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { type FakeSocket, fakeConnection, greetings, methodFrame } from './server-frames.ts'

/** What the client wrote, as `channel method {args}`; contents as `channel header`, `channel body`. */
export function said(bytes: Buffer): { name: string; channel: number; args: object }[] {
  const list: { name: string; channel: number; args: object }[] = []
  const parser = new FrameParser((type, channel, buffer, start, end) => {
    if (type === FRAME_METHOD) list.push({ channel, ...readMethod(new ByteReader().over(buffer, start, end), {}) })
    else list.push({ channel, name: type === FRAME_HEARTBEAT ? 'heartbeat' : `frame ${type}`, args: {} })
  })
  parser.frameMax = 131_072
  parser.push(bytes.toString('latin1', 0, 4) === 'AMQP' ? bytes.subarray(8) : bytes)
  return list
}

export const names = (bytes: Buffer): string[] => said(bytes).map(({ name }) => name)

export interface Scene {
  clock: VirtualClock
  socket: FakeSocket
  connection: AmqpConnection
  /** Lets the turn end and the promises get on; returns what was written since. */
  turn(): Promise<Buffer>
  server(...frames: Buffer[]): void
}

export async function opened(
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

export async function channelOf(
  { connection, server, turn }: Scene,
  events: AmqpChannelEvents = {},
): Promise<AmqpChannel> {
  const opening = connection.channel(events)
  const [open] = said(await turn())
  server(methodFrame(open?.channel ?? 0, 'channel.open-ok'))
  return opening
}
