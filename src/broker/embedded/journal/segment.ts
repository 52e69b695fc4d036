import type { ByteWriter } from '../wire/byte-writer.ts'

/** Something that the journal must not lose: a message in a queue, a queue, an exchange, a binding, a result. */
export interface Live {
  /** Where its newest record is; undefined while that is not written yet, and when it is done with. */
  segment: Segment | undefined
  /** Size of the record that was made last. */
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
  /** What would be lost with it, and the size of its record here: the next one may have another. */
  readonly live: Map<Live, number>
  liveBytes: number
}

/** From now on the newest record of `live` is in `segment`. */
export function settleIn(segment: Segment, live: Live): void {
  leave(live)
  live.segment = segment
  segment.live.set(live, live.bytes)
  segment.liveBytes += live.bytes
}

/** Its record is of no use any more. */
export function leave(live: Live): void {
  const { segment } = live
  const bytes = segment?.live.get(live)
  if (!segment || bytes === undefined) return
  segment.live.delete(live)
  segment.liveBytes -= bytes
  live.segment = undefined
}
