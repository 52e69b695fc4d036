import type { ByteWriter } from '../wire/byte-writer.ts'

/** Something that the journal must not lose: a message in a queue, a queue, an exchange, a binding, a result. */
export interface Live {
  /** Where its newest record is; undefined while that is not written yet, and when it is done with. */
  segment: Segment | undefined
  /** Size of that record. */
  bytes: number
  /** Done with: a record of it that is still to be written says nothing any more. */
  isGone: boolean
  /** What kind of record it has. */
  readonly kind: number
  /** Writes what its record says. */
  fill(writer: ByteWriter): void
}

/** One file of a journal. */
export interface Segment {
  readonly number: number
  /** To the end of its last record. */
  bytes: number
  /** What would be lost with it. */
  readonly live: Set<Live>
  liveBytes: number
}

/** From now on the newest record of `live` is in `segment`. */
export function settleIn(segment: Segment, live: Live): void {
  leave(live)
  live.segment = segment
  segment.live.add(live)
  segment.liveBytes += live.bytes
}

/** Its record is of no use any more. */
export function leave(live: Live): void {
  const { segment } = live
  if (!segment?.live.delete(live)) return
  segment.liveBytes -= live.bytes
  live.segment = undefined
}
