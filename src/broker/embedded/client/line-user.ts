import type { ByteReader } from '../wire/byte-reader.ts'
import type { Line } from './line.ts'

/** What somebody makes of the connection of an engine client: a broker, results. */
export interface LineUser {
  /** Makes a new connection fit for use, before anybody else has it. */
  readonly onUp: (line: Line) => Promise<void>
  /** The connection is gone, or did not come about. */
  readonly onDown?: () => void
  /** What the owner says unasked. True: it was meant for this one. */
  readonly onSay: (kind: number, frame: ByteReader, line: Line) => boolean
  readonly onRoom?: () => void
  /** Last chance to wait for what is on its way; must end by itself. */
  readonly onStopping?: () => Promise<void>
}
