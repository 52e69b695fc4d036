import { LovageError } from '../../../base/errors.ts'
import {
  FRAME_HEADER,
  FRAME_OVERHEAD_BYTES,
  closeFrame,
  openFrame,
  writeBodyFrames,
  writeMethodFrame,
} from './frames.ts'
import { HeadersCache } from './headers-cache.ts'
import { writeProperties, type BasicProperties } from './properties.ts'
import { ByteWriter } from './writer.ts'

/** A message on its way out. Neither properties nor body may change until it is settled. */
export interface Outbound {
  readonly exchange: string
  readonly routingKey: string
  readonly mandatory: boolean
  readonly properties: BasicProperties
  readonly body: Uint8Array
}

/** Destinations remembered at a time. Replies go to as many queues as there are clients. */
const MOST_DESTINATIONS = 512

const CLASS_BASIC = 60

/**
 * Writes `basic.publish` with its content on one channel. The method frame is the same for each message to one
 * destination, so its bytes are kept.
 */
export class ContentWriter {
  readonly #writer: ByteWriter
  readonly #channel: number
  readonly #frameMax: number
  readonly #headers: HeadersCache
  #frames = new Map<string, Map<string, Buffer>>()
  #known = 0

  constructor(writer: ByteWriter, channel: number, frameMax: number, headers: HeadersCache) {
    this.#writer = writer
    this.#channel = channel
    this.#frameMax = frameMax
    this.#headers = headers
  }

  /** Destinations remembered now. */
  get known(): number {
    return this.#known
  }

  /**
   * Writes the frames of the message, or none of them.
   * @throws LovageError `ENCODE_FAILED`, also for headers larger than a frame: they cannot be split (spec 2.3.5.2).
   */
  write({ exchange, routingKey, mandatory, properties, body }: Outbound): void {
    const writer = this.#writer
    const frame = this.#methodFrame(exchange, routingKey, mandatory)
    writer.begin()
    try {
      writer.room(frame.length)
      writer.raw(frame)
      const start = openFrame(writer)
      writer.room(12)
      writer.u32(CLASS_BASIC << 16)
      writer.u64(body.length)
      writeProperties(writer, properties, this.#headers)
      const size = closeFrame(writer, start, FRAME_HEADER, this.#channel)
      const limit = this.#frameMax - FRAME_OVERHEAD_BYTES
      if (size > limit) throw tooLarge(size, limit)
    } catch (error) {
      writer.undo()
      throw error
    }
    writeBodyFrames(writer, this.#channel, body, this.#frameMax)
  }

  #methodFrame(exchange: string, routingKey: string, mandatory: boolean): Buffer {
    const to = mandatory ? exchange : `\0${exchange}`
    let keys = this.#frames.get(to)
    const known = keys?.get(routingKey)
    if (known) return known
    const writer = new ByteWriter(1024)
    writeMethodFrame(writer, this.#channel, 'basic.publish', { exchange, routingKey, mandatory })
    const frame = Buffer.concat(writer.take())
    if (++this.#known > MOST_DESTINATIONS) {
      this.#frames.clear()
      this.#known = 1
      keys = undefined
    }
    if (!keys) this.#frames.set(to, (keys = new Map<string, Buffer>()))
    keys.set(routingKey, frame)
    return frame
  }
}

function tooLarge(size: number, limit: number): LovageError {
  return new LovageError('ENCODE_FAILED', {
    path: '$.headers',
    problem: `headers and properties have ${size} bytes, more than the ${limit} of one frame`,
  })
}
