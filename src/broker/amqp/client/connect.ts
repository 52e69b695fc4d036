import { deadline, type Clock } from '../../../base/clock.ts'
import { messageOf } from '../../../base/errors.ts'
import type { AmqpHost, AmqpUrl } from '../amqp-url.ts'
import { LinkError } from '../link.ts'
import { AmqpConnection } from './connection.ts'
import type { AmqpConnectionEvents } from './connection-options.ts'
import type { Wishes } from './handshake.ts'
import { openSocket } from './socket.ts'

/** How to connect. */
export interface ConnectOptions {
  readonly url: AmqpUrl
  readonly clock: Clock
  /** Longest wait until the connection is open, over all hosts. */
  readonly timeoutMs: number
  /** Seconds between signs of life, 0 for none; a dead peer is seen within twice that. The broker may lower it. */
  readonly heartbeatS: number
  /** What the broker's own tools show as the connection's name. */
  readonly name: string
  readonly events?: AmqpConnectionEvents
  /** Largest frame. Default 131,072; the broker may lower it. */
  readonly frameMax?: number
  /** Longest wait for the answer to a call. Default 10,000. */
  readonly callTimeoutMs?: number
  /** Bodies past this come as empty, with their size. Default 512 MiB: no RabbitMQ can be set to take more. */
  readonly maxBodyBytes?: number
  /** So much may gather while the socket takes nothing, before `hasRoom` is false. Default 1 MiB. */
  readonly maxBufferedBytes?: number
}

/**
 * Connects to the first host of the URL that lets us in. Rejects with a `LinkError`: at once, with the broker's reply
 * code, when one answers and refuses us; with code 0, saying what was tried, when none answers in time.
 */
export async function connect(options: ConnectOptions): Promise<AmqpConnection> {
  const { clock, timeoutMs } = options
  const { hosts } = options.url
  const endMs = clock.monotonic() + timeoutMs
  const problems: string[] = []
  for (const [i, host] of hosts.entries()) {
    // Each gets its share of what is left, so that one black hole does not use up the others' time.
    const shareMs = Math.max(1, (endMs - clock.monotonic()) / (hosts.length - i))
    try {
      return await enter(host, options, shareMs)
    } catch (error) {
      if (error instanceof LinkError && error.code !== 0) throw error
      problems.push(hosts.length > 1 ? `${host.host}:${host.port}: ${messageOf(error)}` : messageOf(error))
    }
  }
  throw new LinkError('connection', problems.join('; '))
}

async function enter(host: AmqpHost, options: ConnectOptions, timeoutMs: number): Promise<AmqpConnection> {
  const { url, clock, events = {}, name } = options
  const startMs = clock.monotonic()
  const socket = await openSocket(host, url.tls, clock, timeoutMs)
  const leftMs = Math.max(1, timeoutMs - (clock.monotonic() - startMs))
  const wishes: Wishes = {
    name,
    mechanism: url.mechanism,
    heartbeatS: url.heartbeatS ?? options.heartbeatS,
    frameMax: options.frameMax ?? 131_072,
    channelMax: 2_047,
  }
  const connection = new AmqpConnection(socket, url, wishes, clock, events, {
    callTimeoutMs: options.callTimeoutMs ?? 10_000,
    maxBodyBytes: options.maxBodyBytes ?? 512 * 1024 * 1024,
    maxBufferedBytes: options.maxBufferedBytes ?? 1024 * 1024,
  })
  const late = (): Error => new LinkError('connection', `no answer within ${Math.round(timeoutMs)} ms`)
  try {
    await deadline(clock, connection.opened, leftMs, late)
    return connection
  } catch (error) {
    connection.destroy()
    throw error
  }
}
