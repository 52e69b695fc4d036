import type { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { RECORD } from './record.ts'
import type { Live, Segment } from './segment.ts'

/** A result, as the journal has it. */
export class KeptResult implements Live {
  readonly kind = RECORD.resultKept
  readonly key: string
  readonly value: Buffer
  /** Epoch ms. */
  readonly expiresAtMs: number
  readonly isFinal: boolean
  segment: Segment | undefined
  bytes = 0
  isGone = false

  constructor(key: string, value: Buffer, expiresAtMs: number, isFinal: boolean) {
    this.key = key
    this.value = value
    this.expiresAtMs = expiresAtMs
    this.isFinal = isFinal
  }

  fill(writer: ByteWriter): void {
    writer.text(this.key)
    writer.f64(this.expiresAtMs)
    writer.u8(this.isFinal ? 1 : 0)
    writer.raw(this.value)
  }

  /** What `fill` wrote. */
  static read(record: ByteReader): KeptResult {
    const key = record.text()
    const expiresAtMs = record.f64()
    const isFinal = record.u8() === 1
    return new KeptResult(key, Buffer.from(record.rest()), expiresAtMs, isFinal)
  }
}
