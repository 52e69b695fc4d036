// A bare speaker of AMQP 0-9-1: no safety, no reconnect, no types. It writes once a turn, encodes a header table once and
// reads only what it must, and so shows what Node and the broker can do at most.
import { connect } from 'node:net'

/** @typedef {{ body: Buffer, replyTo: string, correlationId: string, tag: number }} Taken */
/** @typedef {{ body: Buffer, headers?: object, persistent: boolean, correlationId?: string, replyTo?: string }} Given */

const SLAB = 1 << 16

/** @param {number[]} bytes */
const octets = (...bytes) => Buffer.from(bytes)
const u16 = (/** @type {number} */ value) => octets(value >> 8, value)
const u32 = (/** @type {number} */ value) => octets(value >> 24, value >> 16, value >> 8, value)
const short = (/** @type {string} */ text) => Buffer.concat([octets(text.length), Buffer.from(text)])
const long = (/** @type {Buffer} */ bytes) => Buffer.concat([u32(bytes.length), bytes])

/** @param {unknown} value @returns {Buffer} */
function field(value) {
  if (value === null) return Buffer.from('V')
  if (typeof value === 'string') return Buffer.concat([Buffer.from('S'), long(Buffer.from(value))])
  if (typeof value === 'boolean') return octets(0x74, Number(value))
  if (typeof value === 'number' && (value | 0) === value) return Buffer.concat([Buffer.from('I'), u32(value)])
  if (typeof value === 'number') return Buffer.concat([Buffer.from('l'), u32(Math.floor(value / 2 ** 32)), u32(value)])
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('A'), long(Buffer.concat(value.map(field)))])
  return Buffer.concat([Buffer.from('F'), table(/** @type {object} */ (value))])
}

/** @param {object} members */
function table(members) {
  return long(Buffer.concat(Object.entries(members).flatMap(([name, value]) => [short(name), field(value)])))
}

/** @param {number} type @param {number} channel @param {Buffer[]} payload */
function frame(type, channel, ...payload) {
  const bytes = Buffer.concat(payload)
  return Buffer.concat([octets(type), u16(channel), u32(bytes.length), bytes, octets(0xce)])
}

/** @param {string} url */
export async function bareSpeaker(url) {
  const { hostname: host, port, pathname } = new URL(url)
  const socket = connect({ host, port: Number(port), noDelay: true })
  let out = Buffer.allocUnsafe(SLAB)
  let at = 0
  let isScheduled = false
  const flush = () => {
    isScheduled = false
    if (at === 0) return
    socket.write(out.subarray(0, at))
    out = Buffer.allocUnsafe(SLAB)
    at = 0
  }
  const room = (/** @type {number} */ bytes) => {
    if (out.length - at < bytes) flush()
    if (isScheduled) return
    isScheduled = true
    setImmediate(flush)
  }
  const send = (/** @type {Buffer} */ bytes) => {
    room(bytes.length)
    at += bytes.copy(out, at)
  }
  /** @type {[number, (args: Buffer) => void][]} */
  const waiting = []
  /** @param {number} channel @param {number} group @param {number} method @param {number} answer @param {Buffer[]} args */
  const call = (channel, group, method, answer, ...args) => {
    send(frame(1, channel, u16(group), u16(method), ...args))
    return new Promise((resolve) => waiting.push([(group << 16) | answer, resolve]))
  }

  /** @type {Map<number, () => void>} */
  const unconfirmed = new Map()
  /** @type {(taken: Taken) => void} */
  let onTaken = () => {}
  let tag = 0
  let [replyTo, correlationId] = ['', '']
  /** @param {number} type @param {Buffer} bytes @param {number} start @param {number} end */
  const onFrame = (type, bytes, start, end) => {
    if (type === 1) {
      const id = bytes.readUInt32BE(start)
      if (id === 0x3c003c) {
        const behind = start + 5 + (bytes[start + 4] ?? 0)
        tag = bytes.readUInt32BE(behind + 4)
      } else if (id === 0x3c0050) {
        const last = bytes.readUInt32BE(start + 8)
        for (const [number, done] of bytes[start + 12] ? unconfirmed : [[last, unconfirmed.get(last)]]) {
          if (Number(number) > last) break
          unconfirmed.delete(Number(number))
          if (typeof done === 'function') done()
        }
      } else {
        const place = waiting.findIndex(([wanted]) => wanted === id)
        if (place < 0) throw new Error(`the bare speaker does not expect: ${bytes.toString('latin1', start, end)}`)
        const [[, resolve]] = /** @type {[[number, (args: Buffer) => void]]} */ (waiting.splice(place, 1))
        resolve(Buffer.from(bytes.subarray(start + 4, end)))
      }
    } else if (type === 2) {
      const flags = bytes.readUInt16BE(start + 12)
      let place = start + 14
      const text = () => bytes.toString('latin1', place + 1, (place += 1 + (bytes[place] ?? 0)))
      if (flags & 0x8000) place += 1 + (bytes[place] ?? 0)
      if (flags & 0x4000) place += 1 + (bytes[place] ?? 0)
      if (flags & 0x2000) place += 4 + bytes.readUInt32BE(place)
      if (flags & 0x1000) place++
      if (flags & 0x0800) place++
      correlationId = flags & 0x0400 ? text() : ''
      replyTo = flags & 0x0200 ? text() : ''
    } else if (type === 3) onTaken({ body: bytes.subarray(start, end), replyTo, correlationId, tag })
  }
  /** @type {Buffer | undefined} */
  let rest
  socket.on('data', (chunk) => {
    const bytes = rest ? Buffer.concat([rest, chunk]) : chunk
    let from = 0
    while (bytes.length - from >= 7) {
      const end = from + 7 + bytes.readUInt32BE(from + 3)
      if (end >= bytes.length) break
      onFrame(bytes[from] ?? 0, bytes, from + 7, end)
      from = end + 1
    }
    rest = from < bytes.length ? bytes.subarray(from) : undefined
  })

  send(Buffer.from('AMQP\0\0\x09\x01', 'latin1'))
  await new Promise((resolve) => waiting.push([0x0a000a, resolve]))
  await call(0, 10, 11, 30, table({}), short('PLAIN'), long(Buffer.from('\0guest\0guest')), short('en_US'))
  send(frame(1, 0, u16(10), u16(31), u16(2047), u32(131_072), u16(0)))
  await call(0, 10, 40, 41, short(decodeURIComponent(pathname.slice(1)) || '/'), octets(0, 0))
  await call(1, 20, 10, 11, octets(0))

  /** @type {Map<string, Buffer>} */
  const destinations = new Map()
  /** @type {WeakMap<object, Buffer>} */
  const tables = new WeakMap()
  let published = 0
  let isConfirmed = false
  return {
    declare: (/** @type {string} */ queue) => call(1, 50, 10, 11, u16(0), short(queue), octets(2), table({})),
    purge: (/** @type {string} */ queue) => call(1, 50, 30, 31, u16(0), short(queue), octets(0)),
    confirm: () => ((isConfirmed = true), call(1, 85, 10, 11, octets(0))),
    prefetch: (/** @type {number} */ count) => call(1, 60, 10, 11, u32(0), u16(count), octets(0)),
    consume(/** @type {string} */ queue, /** @type {boolean} */ noAck, /** @type {typeof onTaken} */ listener) {
      onTaken = listener
      return call(1, 60, 20, 21, u16(0), short(queue), short('c'), octets(noAck ? 2 : 0), table({}))
    },
    ack: (/** @type {number} */ number) => send(frame(1, 1, u32(0x3c0050), u32(0), u32(number), octets(0))),
    publish(/** @type {string} */ queue, /** @type {Given} */ message, /** @type {() => void} */ done) {
      let to = destinations.get(queue)
      if (!to) destinations.set(queue, (to = frame(1, 1, u32(0x3c0028), u16(0), short(''), short(queue), octets(0))))
      const { headers = message, body, correlationId: id = '', replyTo: reply = '', persistent } = message
      let constant = tables.get(headers)
      if (!constant) {
        const properties = [short('application/json'), short('utf-8'), table(message.headers ?? {})]
        tables.set(headers, (constant = Buffer.concat([...properties, octets(persistent ? 2 : 1)])))
      }
      const size = 14 + constant.length + (id ? 1 + id.length : 0) + (reply ? 1 + reply.length : 0)
      room(to.length + size + body.length + 16)
      at += to.copy(out, at)
      at = out.writeUInt32BE(size, (at = out.writeUInt16BE(1, (at = out.writeUInt8(2, at)))))
      at = out.writeUInt32BE(body.length, out.writeUInt32BE(0, out.writeUInt32BE(60 << 16, at)))
      at = out.writeUInt16BE(0xf000 | (id ? 0x400 : 0) | (reply ? 0x200 : 0), at)
      at += constant.copy(out, at)
      for (const text of [id, reply]) {
        if (!text) continue
        at = out.writeUInt8(text.length, at)
        at += out.write(text, at, 'latin1')
      }
      at = out.writeUInt8(0xce, at)
      at = out.writeUInt32BE(body.length, out.writeUInt16BE(1, out.writeUInt8(3, at)))
      at += body.copy(out, at)
      at = out.writeUInt8(0xce, at)
      if (isConfirmed) unconfirmed.set(++published, done)
    },
    close() {
      flush()
      socket.destroy()
    },
  }
}
