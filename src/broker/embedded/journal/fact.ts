import type { ByteWriter } from '../wire/byte-writer.ts'
import type { Live, Segment } from './segment.ts'

/** A queue, an exchange, a binding or a result, as the journal has it. */
export class Fact implements Live {
  readonly kind: number
  readonly fill: (writer: ByteWriter) => void
  segment: Segment | undefined
  bytes = 0
  isGone = false

  constructor(kind: number, fill: (writer: ByteWriter) => void) {
    this.kind = kind
    this.fill = fill
  }
}
