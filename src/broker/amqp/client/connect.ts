import { readFileSync } from 'node:fs'

import { deadline, systemClock, type Clock } from '../../../base/clock.ts'
import { LovageError, isLovageError, messageOf } from '../../../base/errors.ts'
import { parseAmqpUrl, targetText, type AmqpTarget } from '../wire/url.ts'
import { AmqpConnection, type ConnectionLimits } from './connection.ts'
import type { Wishes } from './handshake.ts'
import { openSocket, type TlsOptions } from './socket.ts'

/** How to connect. */
export interface ConnectOptions extends Partial<ConnectionLimits> {
  readonly clock?: Clock
  /** Shown by the broker beside the connection. Default `lovage`. */
  readonly name?: string
  /** Longest wait until the connection is open, over all hosts. Default 5,000. */
  readonly connectTimeoutMs?: number
  /** Seconds between heartbeats, 0 for none; a dead peer is seen within twice that. Default 10; the broker may lower it. */
  readonly heartbeatS?: number
  /** Largest frame. Default 131,072; the broker may lower it. */
  readonly frameMax?: number
  /** Most channels. Default 2,047; the broker may lower it. */
  readonly channelMax?: number
  /** For `amqps:`; goes before what the URL says. */
  readonly tls?: TlsOptions
}

/**
 * Connects to the first broker of the URL that lets us in. The URL's query may say `heartbeat` (s), `connection_timeout`
 * (ms), `channel_max`, `frame_max`, `auth_mechanism` (`plain`, `external`), and for TLS `cacertfile`, `certfile`,
 * `keyfile`, `verify` (`verify_none`) and `server_name_indication`, as RabbitMQ's other clients have it.
 *
 * Rejects with `BROKER_REFUSED` at once when one answers and does not let us in, with `BROKER_UNREACHABLE` naming what was
 * tried when none answers in time, with `OPTION_INVALID` for a wrong URL.
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<AmqpConnection> {
  const { clock = systemClock, connectTimeoutMs } = options
  const targets = parseAmqpUrl(url)
  const totalMs = connectTimeoutMs ?? queryNumber(targets[0], 'connection_timeout') ?? 5_000
  const endMs = clock.monotonic() + totalMs
  const problems: string[] = []
  for (const [i, target] of targets.entries()) {
    // Each host gets its share of what is left, so that one black hole does not use up the others' time.
    const timeoutMs = Math.max(1, (endMs - clock.monotonic()) / (targets.length - i))
    try {
      return await enter(target, options, clock, timeoutMs)
    } catch (error) {
      if (isLovageError(error, 'BROKER_REFUSED') || isLovageError(error, 'OPTION_INVALID')) throw error
      problems.push(targets.length > 1 ? `${targetText(target)}: ${messageOf(error)}` : messageOf(error))
    }
  }
  throw new LovageError('BROKER_UNREACHABLE', { url: targetText(targets[0] as AmqpTarget), problem: problems.join('; ') })
}

async function enter(target: AmqpTarget, options: ConnectOptions, clock: Clock, timeoutMs: number): Promise<AmqpConnection> {
  const startMs = clock.monotonic()
  const tls = { ...tlsOf(target), ...options.tls }
  const socket = await openSocket(target, tls, clock, timeoutMs)
  const leftMs = Math.max(1, timeoutMs - (clock.monotonic() - startMs))
  const connection = new AmqpConnection(socket, target, wishesOf(target, options), clock, {
    callTimeoutMs: options.callTimeoutMs ?? 10_000,
    maxBodyBytes: options.maxBodyBytes ?? 128 * 1024 * 1024,
    maxBufferedBytes: options.maxBufferedBytes ?? 1024 * 1024,
    maxWaiting: options.maxWaiting ?? 100_000,
  })
  const late = (): Error => new Error(`connected, but no answer within ${Math.round(timeoutMs)} ms`)
  try {
    await deadline(clock, connection.opened, leftMs, late)
    return connection
  } catch (error) {
    connection.destroy()
    throw error
  }
}

function wishesOf(target: AmqpTarget, options: ConnectOptions): Wishes {
  return {
    name: options.name ?? 'lovage',
    mechanism: target.query['auth_mechanism']?.toLowerCase() === 'external' ? 'EXTERNAL' : 'PLAIN',
    heartbeatS: options.heartbeatS ?? queryNumber(target, 'heartbeat') ?? 10,
    frameMax: options.frameMax ?? queryNumber(target, 'frame_max') ?? 131_072,
    channelMax: options.channelMax ?? queryNumber(target, 'channel_max') ?? 2_047,
  }
}

function queryNumber(target: AmqpTarget | undefined, name: string): number | undefined {
  const text = target?.query[name]
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new LovageError('OPTION_INVALID', {
    option: name,
    where: 'the AMQP URL',
    problem: `is not a whole number: ${JSON.stringify(text)}`,
    fix: `Write ?${name}=10, say`,
  })
}

function tlsOf({ tls, query }: AmqpTarget): TlsOptions {
  if (!tls) return {}
  const file = (name: string): Buffer | undefined => {
    const path = query[name]
    try {
      return path === undefined ? undefined : readFileSync(path)
    } catch (error) {
      throw new LovageError('OPTION_INVALID', {
        option: name,
        where: 'the AMQP URL',
        problem: `cannot be read: ${messageOf(error)}`,
        fix: 'Name a PEM file that this process may read',
      })
    }
  }
  const [ca, cert, key] = [file('cacertfile'), file('certfile'), file('keyfile')]
  const servername = query['server_name_indication']
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(servername && { servername }),
    ...(query['verify'] === 'verify_none' && { rejectUnauthorized: false }),
  }
}
