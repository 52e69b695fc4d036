import { writeMethod } from './method-codec.ts'
import type { Args, MethodName } from './methods.ts'
import type { ByteWriter } from './writer.ts'

/** Frame types (spec 2.3.5, 4.2.3). */
export const FRAME_METHOD = 1
export const FRAME_HEADER = 2
export const FRAME_BODY = 3
/** 8, whatever the specification's grammar says (errata). */
export const FRAME_HEARTBEAT = 8
/** The octet behind each frame. */
export const FRAME_END = 0xce

/** Type, channel, size before the payload, and the end octet behind it. */
export const FRAME_HEAD_BYTES = 7
export const FRAME_OVERHEAD_BYTES = 8

/** What peers take before they have tuned; also the least that they may tune to. */
export const FRAME_MIN_BYTES = 4096

/** What a client says first (spec 4.2.2). */
export const PROTOCOL_HEADER: Buffer = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1')

/** Keeps the head of a frame free; {@link closeFrame} fills it in. Returns its place as a distance from the mark. */
export function openFrame(writer: ByteWriter): number {
  writer.room(FRAME_HEAD_BYTES)
  const start = writer.at - writer.mark
  writer.at += FRAME_HEAD_BYTES
  return start
}

/** Returns the size of the payload. */
export function closeFrame(writer: ByteWriter, start: number, type: number, channel: number): number {
  writer.room(1)
  const at = writer.mark + start
  const size = writer.at - at - FRAME_HEAD_BYTES
  const { buffer } = writer
  buffer[at] = type
  buffer[at + 1] = channel >> 8
  buffer[at + 2] = channel
  writer.putU32(size, at + 3)
  writer.u8(FRAME_END)
  return size
}

/**
 * Writes a whole method frame, or nothing.
 * @throws LovageError `ENCODE_FAILED`
 */
export function writeMethodFrame<M extends MethodName>(
  writer: ByteWriter,
  channel: number,
  name: M,
  args: Partial<Args<M>>,
): void {
  writer.begin()
  try {
    const start = openFrame(writer)
    writeMethod(writer, name, args)
    closeFrame(writer, start, FRAME_METHOD, channel)
  } catch (error) {
    writer.undo()
    throw error
  }
}

/** Writes body frames of at most `frameMax` bytes each (spec 2.3.5.2). An empty body has none. */
export function writeBodyFrames(writer: ByteWriter, channel: number, body: Uint8Array, frameMax: number): void {
  const most = frameMax - FRAME_OVERHEAD_BYTES
  for (let from = 0; from < body.length; from += most) {
    const to = Math.min(from + most, body.length)
    writer.room(FRAME_HEAD_BYTES)
    writer.u8(FRAME_BODY)
    writer.u16(channel)
    writer.u32(to - from)
    writer.body(body, from, to)
    writer.room(1)
    writer.u8(FRAME_END)
  }
}

const HEARTBEAT = Buffer.from([FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END])

export function writeHeartbeat(writer: ByteWriter): void {
  writer.begin()
  writer.room(HEARTBEAT.length)
  writer.raw(HEARTBEAT)
}
