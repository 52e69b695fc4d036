import type { Clock } from '../../../base/clock.ts'
import type { Kept } from '../ledger.ts'
import type { EngineQueue } from '../queue.ts'
import type { Entry } from '../waiting.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { packMessage, PackedMessage } from '../wire/packed-message.ts'
import { RECORD } from './record.ts'
import { leave, type Live, type Segment } from './segment.ts'

/** A message in a queue, as the journal has it. */
export class KeptEntry implements Live, Kept {
  readonly entry: Entry
  readonly queueName: string
  /** The queue itself, once there is an engine. */
  queue: EngineQueue | undefined
  segment: Segment | undefined
  bytes = 0
  isGone = false
  isHanded = false
  #clock: Clock

  constructor(clock: Clock, entry: Entry, queueName: string) {
    this.#clock = clock
    this.entry = entry
    this.queueName = queueName
  }

  get kind(): number {
    return this.entry.dueAtMs === undefined ? RECORD.put : RECORD.delayed
  }

  /** Gone without a record of its own. */
  forget(): void {
    this.isGone = true
    leave(this)
  }

  fill(writer: ByteWriter): void {
    const { seq, expiresAtMs, dueAtMs, exchange, routingKey, message } = this.entry
    if (dueAtMs !== undefined) writer.f64(dueAtMs)
    writer.f64(seq)
    writer.u8(this.isHanded || this.entry.redelivered ? 1 : 0)
    // Monotonic time means nothing to the next process.
    writer.f64(expiresAtMs - this.#clock.monotonic() + this.#clock.now())
    writer.text(this.queueName)
    writer.text(exchange)
    writer.text(routingKey)
    packMessage(writer, message)
  }

  /** What `fill` wrote, as an entry of an engine to come. */
  static read(clock: Clock, record: ByteReader, kind: number): KeptEntry {
    const dueAtMs = kind === RECORD.delayed ? record.f64() : undefined
    const seq = record.f64()
    const redelivered = record.u8() === 1
    const expiresAtMs = record.f64() - clock.now() + clock.monotonic()
    const queueName = record.text()
    const [exchange, routingKey] = [record.text(), record.text()]
    // A copy: a view would keep the whole file in memory.
    const message = new PackedMessage(Buffer.from(record.rest()))
    const entry: Entry = { message, exchange, routingKey, seq, expiresAtMs, dueAtMs, redelivered }
    const kept = new KeptEntry(clock, entry, queueName)
    kept.isHanded = redelivered
    entry.kept = kept
    return kept
  }
}
