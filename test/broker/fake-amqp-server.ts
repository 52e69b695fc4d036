import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** Class and method of the calls that a client makes, with the answer's method and its arguments. */
const ANSWERS: Readonly<Record<string, readonly [method: number, args: (args: Buffer) => Buffer]>> = {
  '10.11': [30, () => Buffer.from([0x07, 0xff, 0, 2, 0, 0, 0, 0])], // start-ok -> tune
  '10.40': [41, () => Buffer.from([0])], // open -> open-ok
  '10.50': [51, () => Buffer.alloc(0)], // close -> close-ok
  '20.10': [11, () => Buffer.alloc(4)], // channel.open
  '20.40': [41, () => Buffer.alloc(0)], // channel.close
  '50.10': [11, () => Buffer.concat([shortText('q'), Buffer.alloc(8)])], // queue.declare
  '60.10': [11, () => Buffer.alloc(0)], // basic.qos
  '60.20': [21, (args) => textAfterQueue(args)], // basic.consume -> its tag
  '60.30': [31, (args) => args.subarray(0, 1 + (args[0] ?? 0))], // basic.cancel
  '85.10': [11, () => Buffer.alloc(0)], // confirm.select
}

/** A server that says yes to everything, and delivers bytes that no real one would let through. */
export class FakeAmqpServer {
  readonly port: number
  #server: Server
  #socket: Socket | undefined
  #consumers = new Map<string, number>()
  #acked: number[] = []
  /** And not yet acked. */
  #delivered = new Set<number>()

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => this.#serve(socket))
  }

  static async start(): Promise<FakeAmqpServer> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new FakeAmqpServer(server)
  }

  get url(): string {
    return `amqp://127.0.0.1:${this.port}`
  }

  /** Delivery tags that were acked, in order. */
  get acked(): readonly number[] {
    return this.#acked
  }

  /** Delivers to the only consumer: `headers` is the inside of the header table, as raw bytes. */
  deliver(deliveryTag: number, headers: Buffer, body: string): void {
    const [tag, channel] = [...this.#consumers][0] as [string, number]
    this.#delivered.add(deliveryTag)
    const method = Buffer.concat([
      Buffer.from([0, 60, 0, 60]),
      shortText(tag),
      uint64(deliveryTag),
      Buffer.from([0]),
      shortText(''),
      shortText('q'),
    ])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(headers.length)
    const properties = Buffer.concat([
      Buffer.from([0, 60, 0, 0]),
      uint64(body.length),
      Buffer.from([0x20, 0]),
      length,
      headers,
    ])
    const frames = [frame(1, channel, method), frame(2, channel, properties)]
    if (body.length > 0) frames.push(frame(3, channel, Buffer.from(body)))
    this.#socket?.write(Buffer.concat(frames))
  }

  async stop(): Promise<void> {
    this.#socket?.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    this.#socket = socket
    let rest = Buffer.alloc(0)
    let isGreeted = false
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      if (!isGreeted && rest.length >= 8) {
        isGreeted = true
        rest = rest.subarray(8)
        const mechanisms = Buffer.from('\0\0\0\x05PLAIN\0\0\0\x05en_US')
        socket.write(frame(1, 0, Buffer.concat([Buffer.from([0, 10, 0, 10, 0, 9, 0, 0, 0, 0]), mechanisms])))
      }
      while (isGreeted && rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(3)) {
        const size = rest.readUInt32BE(3)
        if (rest[0] === 1) this.#answer(socket, rest.readUInt16BE(1), rest.subarray(7, 7 + size))
        rest = rest.subarray(8 + size)
      }
    })
  }

  #onAck(tag: number, isMultiple: boolean): void {
    const tags = [...this.#delivered].filter((one) => one === tag || (isMultiple && one < tag))
    for (const one of tags) this.#delivered.delete(one)
    this.#acked.push(...tags)
  }

  #answer(socket: Socket, channel: number, payload: Buffer): void {
    const [classId, methodId, args] = [payload.readUInt16BE(0), payload.readUInt16BE(2), payload.subarray(4)]
    if (classId === 60 && methodId === 80) this.#onAck(Number(args.readBigUInt64BE(0)), args[8] === 1)
    const answer = ANSWERS[`${classId}.${methodId}`]
    if (!answer) return
    const reply = answer[1](args)
    if (classId === 60 && methodId === 20) this.#consumers.set(reply.subarray(1).toString(), channel)
    const head = Buffer.alloc(4)
    head.writeUInt16BE(classId, 0)
    head.writeUInt16BE(answer[0], 2)
    socket.write(frame(1, channel, Buffer.concat([head, reply])))
  }
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(7)
  head[0] = type
  head.writeUInt16BE(channel, 1)
  head.writeUInt32BE(payload.length, 3)
  return Buffer.concat([head, payload, Buffer.from([206])])
}

/** basic.consume: ticket, queue, then the tag. */
function textAfterQueue(args: Buffer): Buffer {
  const at = 3 + (args[2] ?? 0)
  return args.subarray(at, at + 1 + (args[at] ?? 0))
}

function shortText(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
