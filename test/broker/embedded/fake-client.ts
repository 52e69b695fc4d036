import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { ByteReader } from '../../../src/broker/embedded/wire/byte-reader.ts'
import { ByteWriter } from '../../../src/broker/embedded/wire/byte-writer.ts'
import {
  ASK,
  FrameReader,
  SAY,
  SETTLEMENTS,
  WIRE_VERSION,
  writeFrame,
} from '../../../src/broker/embedded/wire/frames.ts'
import { readTable } from '../../../src/broker/embedded/wire/value-codec.ts'
import type { KeptEngine } from './kept-engine.ts'

/** A client of an engine that says what it likes, and reads when it likes. Its own end of the socket, too. */
export class FakeClient extends EventEmitter {
  writableLength = 0
  destroyed = false
  /** Keys of the results that it was told of. */
  readonly results: string[] = []
  readonly failures: Record<string, unknown>[] = []
  deliveries = 0
  /** Of those deliveries. */
  readonly tags: number[] = []
  #unread: Buffer[] = []
  #reader = new FrameReader()
  #lastId = 0

  constructor(engine: KeptEngine) {
    super()
    engine.server.serve(this as unknown as Socket)
    this.say(ASK.hello, (writer) => writer.u32(WIRE_VERSION))
  }

  /** What the owner writes: it lies there until `read`. */
  write(bytes: Buffer): boolean {
    this.#unread.push(bytes)
    this.writableLength += bytes.byteLength
    return false
  }

  end(bytes: Buffer): void {
    this.write(bytes)
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }

  say(kind: number, fill: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter()
    writeFrame(writer, kind, () => fill(writer))
    this.emit('data', writer.take())
  }

  ask(kind: number, fill: (writer: ByteWriter) => void): void {
    this.say(kind, (writer) => {
      writer.u32(++this.#lastId)
      fill(writer)
    })
  }

  putResult(key: string, value: Uint8Array, keepMs = 60_000): void {
    this.ask(ASK.putResult, (writer) => {
      writer.text(key)
      writer.bytes(value)
      writer.f64(keepMs)
      writer.u8(1)
    })
  }

  /** Reads a queue from now on. */
  consume(queue: string, prefetch: number): void {
    this.ask(ASK.consume, (writer) => {
      writer.u32(1)
      writer.u32(prefetch)
      writer.u8(0)
      writer.u8(0)
      writer.text(queue)
    })
  }

  ack(tag: number): void {
    this.say(ASK.settle, (writer) => {
      writer.u8(SETTLEMENTS.indexOf('ack'))
      writer.f64(tag)
    })
  }

  /** Reads all that lies there. */
  read(): void {
    const unread = this.#unread.splice(0)
    this.writableLength = 0
    for (const bytes of unread) this.#reader.push(bytes, (kind, frame) => this.#onFrame(kind, frame))
    if (unread.length > 0) this.emit('drain')
  }

  #onFrame(kind: number, frame: ByteReader): void {
    if (kind === SAY.result) this.results.push(frame.text())
    if (kind === SAY.deliver) {
      this.deliveries++
      frame.u32()
      this.tags.push(frame.f64())
    }
    if (kind === SAY.failed) {
      frame.u32()
      this.failures.push({ code: frame.text(), ...readTable(frame) })
    }
  }
}
