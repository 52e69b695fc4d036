import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { messageOf } from '../../base/errors.ts'
import { AmqplibChannel } from './amqplib-channel.ts'
import type { AmqpUrl } from './amqp-url.ts'
import { type ChannelEvents, type Link, type LinkChannel, LinkError, type LinkOptions, type OpenLink } from './link.ts'
import { type AmqplibConnection, type Frame, privateAmqplib } from './private-amqplib.ts'
import { TurnWriter } from './turn-writer.ts'

/** Longest wait for the server's part of an orderly end. */
const CLOSE_MS = 2000

const FRAME_MAX = 131_072

/** Opens a connection with amqplib. */
export const openAmqplibLink: OpenLink = (options) => {
  const { clock, timeoutMs } = options
  return new Promise((resolve, reject) => {
    const socket = openSocket(options.url)
    const fail = (error: unknown, code = 0): void => {
      timer.cancel()
      socket.destroy()
      reject(error instanceof LinkError ? error : new LinkError('connection', messageOf(error), code))
    }
    const timer = clock.after(timeoutMs, () => fail(new Error(`no answer within ${timeoutMs} ms`)))
    socket.on('error', fail)
    socket.once(options.url.tls ? 'secureConnect' : 'connect', () => {
      const connection = new (privateAmqplib().Connection)(socket)
      let refusal: LinkError | undefined
      // amqplib tells that the server ended the handshake, but not why.
      connection.recvFrame = () => {
        const frame = Object.getPrototypeOf(connection).recvFrame.call(connection) as Frame | false
        refusal ??= frame ? closeProblem(frame) : undefined
        return frame
      }
      connection.open(openFields(options), (error) => {
        if (error) return fail(refusal ?? error)
        timer.cancel()
        socket.off('error', fail)
        Reflect.deleteProperty(connection, 'recvFrame')
        resolve(new AmqplibLink(socket, connection, options))
      })
    })
  })
}

class AmqplibLink implements Link {
  isOpen = true
  #socket: Socket
  #connection: AmqplibConnection
  #options: LinkOptions
  #writer: TurnWriter
  #problem: LinkError | undefined

  constructor(socket: Socket, connection: AmqplibConnection, options: LinkOptions) {
    const { clock, events } = options
    this.#socket = socket
    this.#connection = connection
    this.#options = options
    this.#writer = new TurnWriter(socket, clock, () => events.onRoom())
    this.#takeOverWriting()
    connection.on('error', (error: Error) => (this.#problem ??= new LinkError('connection', messageOf(error))))
    connection.on('blocked', () => events.onBlocked(true))
    connection.on('unblocked', () => events.onBlocked(false))
    connection.on('close', () => this.#onClosed())
  }

  get hasRoom(): boolean {
    return this.#writer.hasRoom
  }

  openChannel(events: ChannelEvents): Promise<LinkChannel> {
    return AmqplibChannel.open(this.#connection, events)
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return
    const gone = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    const timer = this.#options.clock.after(CLOSE_MS, () => this.#socket.destroy())
    if (this.isOpen) this.#connection.close(() => {})
    await gone
    timer.cancel()
    this.#onClosed()
  }

  #onClosed(): void {
    if (!this.isOpen) return
    this.isOpen = false
    const problem = this.#problem ?? new LinkError('connection', 'the connection was closed')
    // After a loss nobody reads what is left to write; after an orderly end it must still go out.
    if (problem.code === 0 && this.#problem) this.#socket.destroy()
    else this.#socket.destroySoon()
    this.#options.clock.after(CLOSE_MS, () => this.#socket.destroy(), { unref: true })
    this.#options.events.onClosed(problem)
  }

  /** Frames go straight to the writer; amqplib's own buffers would hold each until a later turn. */
  #takeOverWriting(): void {
    const connection = this.#connection
    const writer = this.#writer
    const control = connection.channels[0] as { channel: { accept(frame: Frame): void }; buffer: unknown }
    const accept = control.channel.accept
    control.channel.accept = (frame) => {
      this.#problem ??= closeProblem(frame)
      accept(frame)
    }
    control.buffer = {
      write: (frame: Buffer) => {
        writer.write(frame)
        // The socket may be ended right after these.
        writer.flush()
        return true
      },
      end: () => {},
    }
    connection.freshChannel = (channel) => {
      const number = connection.freeChannels.nextClearBit(1)
      if (number < 0 || number > connection.channelMax) throw new LinkError('channel', 'no channel is left')
      connection.freeChannels.set(number)
      connection.channels[number] = { channel, buffer: writer }
      return number
    }
  }
}

function openSocket(url: AmqpUrl): Socket {
  const { hosts, tls } = url
  const { host, port } = hosts[0] as { host: string; port: number }
  if (!tls) return connectTcp({ host, port, noDelay: true })
  const socket = connectTls({
    host,
    port,
    rejectUnauthorized: tls.verify,
    servername: tls.serverName ?? (isIP(host) ? '' : host),
    ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile) }),
    ...(tls.certFile === undefined ? {} : { cert: readFileSync(tls.certFile) }),
    ...(tls.keyFile === undefined ? {} : { key: readFileSync(tls.keyFile) }),
  })
  return socket.setNoDelay(true)
}

function openFields({ url, heartbeatS, name }: LinkOptions): object {
  return {
    clientProperties: {
      product: 'lovage',
      platform: `Node.js ${process.version}`,
      connection_name: name,
      capabilities: {
        publisher_confirms: true,
        exchange_exchange_bindings: true,
        'basic.nack': true,
        consumer_cancel_notify: true,
        'connection.blocked': true,
        authentication_failure_close: true,
      },
    },
    mechanism: 'PLAIN',
    response: Buffer.from(`\0${url.user}\0${url.password}`),
    locale: 'en_US',
    channelMax: 2047,
    frameMax: FRAME_MAX,
    heartbeat: url.heartbeatS ?? heartbeatS,
    virtualHost: url.vhost,
    capabilities: '',
    insist: 0,
  }
}

function closeProblem(frame: Frame): LinkError | undefined {
  if (frame.id !== privateAmqplib().defs.ConnectionClose) return undefined
  const { replyText, replyCode, classId, methodId } = frame.fields
  return new LinkError('connection', replyText, replyCode, classId === 60 && methodId === 40)
}
