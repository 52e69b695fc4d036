import { Ring } from '../../base/ring.ts'
import type { Message } from '../../protocol/message.ts'
import type { Kept } from './ledger.ts'

/** One message in one queue. */
export interface Entry {
  readonly message: Message
  readonly exchange: string
  readonly routingKey: string
  /** Its place: rises with every message of the engine. */
  readonly seq: number
  /** On the clock's monotonic time; Infinity is never, and as long as it waits for its time. */
  expiresAtMs: number
  /** Not before, in epoch ms; undefined: at once. */
  dueAtMs?: number | undefined
  redelivered: boolean
  /** Where the ledger has it; undefined while it has not. */
  kept?: Kept | undefined
}

interface Level {
  readonly fresh: Ring<Entry>
  /** Handed out before and given back: the last is the oldest. All are older than all fresh ones. */
  readonly returned: Entry[]
}

/** The messages of a queue that wait to be handed out: by priority, highest first, then by age. */
export class Waiting {
  #levels: (Level | undefined)[]
  #size = 0

  constructor(maxPriority: number) {
    this.#levels = new Array<Level | undefined>(maxPriority + 1)
  }

  get size(): number {
    return this.#size
  }

  push(entry: Entry): void {
    this.#level(entry).fresh.push(entry)
    this.#size++
  }

  /** Back to its place. Cheapest when many are given back newest first. */
  giveBack(entry: Entry): void {
    const { returned } = this.#level(entry)
    let at = returned.length
    while (at > 0 && (returned[at - 1] as Entry).seq < entry.seq) at--
    returned.splice(at, 0, entry)
    this.#size++
  }

  /** The next to be handed out, left where it is. */
  peek(): Entry | undefined {
    const level = this.#top()
    return level && (level.returned.at(-1) ?? level.fresh.peek())
  }

  /** Takes the next to be handed out. */
  shift(): Entry | undefined {
    const level = this.#top()
    if (!level) return undefined
    this.#size--
    return level.returned.pop() ?? level.fresh.shift()
  }

  /** Takes the first of each priority whose time has passed, and those behind it. */
  takeExpired(nowMs: number): Entry[] {
    const expired: Entry[] = []
    for (const level of this.#levels) {
      for (let first = headOf(level); level && first && first.expiresAtMs <= nowMs; first = headOf(level)) {
        expired.push(first)
        this.#size--
        if (level.returned.length > 0) level.returned.pop()
        else level.fresh.shift()
      }
    }
    return expired
  }

  /** When the first of any priority runs out; Infinity is never. */
  nextExpiryMs(): number {
    let next = Infinity
    for (const level of this.#levels) next = Math.min(next, headOf(level)?.expiresAtMs ?? Infinity)
    return next
  }

  /** All that wait, in no order. */
  *all(): Iterable<Entry> {
    for (const level of this.#levels) {
      if (level) yield* level.fresh
      if (level) yield* level.returned
    }
  }

  #level(entry: Entry): Level {
    const priority = Math.min(entry.message.priority ?? 0, this.#levels.length - 1)
    return (this.#levels[priority] ??= { fresh: new Ring(), returned: [] })
  }

  #top(): Level | undefined {
    if (this.#size === 0) return undefined
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const level = this.#levels[i]
      if (level && (level.fresh.size > 0 || level.returned.length > 0)) return level
    }
    return undefined
  }
}

function headOf(level: Level | undefined): Entry | undefined {
  return level && (level.returned.at(-1) ?? level.fresh.peek())
}
