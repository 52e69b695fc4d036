import { isRecord } from '../protocol/signature.ts'

/** What nodes have told of themselves, by their names. */
type ByNode = Readonly<Record<string, unknown>>

interface Node {
  readonly heardMs: number
  readonly most: number
  readonly queues: readonly string[]
}

/**
 * How many tasks workers run at a time, as each of them has told last. Workers that have much to do answer late or not at
 * all, and that is when it matters: one that has not answered for a while is still there, until it has been silent for long.
 */
export class Slots {
  readonly #silentMs: number
  readonly #nodes = new Map<string, Node>()

  /** `silentMs`: who has not answered for so long is gone. */
  constructor(silentMs: number) {
    this.#silentMs = silentMs
  }

  /** What those have answered who have: `stats` and `active_queues` of remote control. */
  heard(nowMs: number, stats: ByNode, queues: ByNode): void {
    for (const [node, read] of Object.entries(queues)) {
      const told = stats[node]
      const pool = isRecord(told) ? told['pool'] : undefined
      const most = isRecord(pool) ? Number(pool['max-concurrency']) : NaN
      if (!Array.isArray(read) || !(most > 0)) continue
      const names = read.map((queue: unknown) => String(isRecord(queue) ? queue['name'] : queue))
      this.#nodes.set(node, { heardMs: nowMs, most, queues: names })
    }
    for (const [node, { heardMs }] of this.#nodes) if (nowMs - heardMs > this.#silentMs) this.#nodes.delete(node)
  }

  /** Tasks of a queue that can run at a time; undefined: nobody has told. */
  of(queue: string): number | undefined {
    let sum: number | undefined
    for (const { most, queues } of this.#nodes.values()) if (queues.includes(queue)) sum = (sum ?? 0) + most
    return sum
  }
}
