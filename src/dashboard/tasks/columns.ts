/** No slot. */
export const NONE = -1

/** The change of a slot that no task has. */
export const GONE = -Infinity

/** Columns of numbers; not known is NaN. Times are epoch ms. */
const TIMES = ['sentMs', 'receivedMs', 'startedMs', 'endedMs', 'updatedMs', 'runMs', 'etaMs', 'expiresMs'] as const

/** Columns of numbers of names, see `Names`. */
const NAMED = ['name', 'queue', 'worker', 'client', 'exchange', 'routingKey'] as const

/** Columns of texts. */
const TEXTS = ['args', 'kwargs', 'result', 'error', 'traceback', 'rootId', 'parentId'] as const

export type TimeColumn = (typeof TIMES)[number]
export type NameColumn = (typeof NAMED)[number]
export type TextColumn = (typeof TEXTS)[number]

export const TIME_COLUMNS: readonly TimeColumn[] = TIMES
export const NAME_COLUMNS: readonly NameColumn[] = NAMED
export const TEXT_COLUMNS: readonly TextColumn[] = TEXTS

type Columned = Record<TimeColumn, Float64Array> &
  Record<NameColumn, Int32Array> &
  Record<TextColumn, (string | undefined)[]>

const FIRST_SIZE = 1024

/**
 * Tasks as columns: what 200,000 objects with some thirty members would be is a few flat arrays, which cost a tenth of the
 * memory and are looked through at the speed of memory. A slot is a task; slots are given out again.
 */
export class Columns implements Columned {
  sentMs = new Float64Array(0)
  receivedMs = new Float64Array(0)
  startedMs = new Float64Array(0)
  endedMs = new Float64Array(0)
  updatedMs = new Float64Array(0)
  runMs = new Float64Array(0)
  etaMs = new Float64Array(0)
  expiresMs = new Float64Array(0)
  name = new Int32Array(0)
  queue = new Int32Array(0)
  worker = new Int32Array(0)
  client = new Int32Array(0)
  exchange = new Int32Array(0)
  routingKey = new Int32Array(0)
  readonly args: (string | undefined)[] = []
  readonly kwargs: (string | undefined)[] = []
  readonly result: (string | undefined)[] = []
  readonly error: (string | undefined)[] = []
  readonly traceback: (string | undefined)[] = []
  readonly rootId: (string | undefined)[] = []
  readonly parentId: (string | undefined)[] = []
  readonly id: string[] = []
  /** Number of the state, see `states.ts`. */
  state = new Uint8Array(0)
  retries = new Uint32Array(0)
  /** Grows with each change of anything: what the order is told by, and what a page begins after. */
  touch = new Float64Array(0)
  /** The neighbours in the order of changes. */
  newer = new Int32Array(0)
  older = new Int32Array(0)
  /** The neighbours among those of one root. */
  kinNext = new Int32Array(0)
  kinBefore = new Int32Array(0)

  readonly #most: number
  readonly #free: number[] = []
  #used = 0
  #size = 0

  constructor(most: number) {
    this.#most = most
    this.#grow(Math.min(FIRST_SIZE, most))
  }

  /** Slots are below it. */
  get size(): number {
    return this.#size
  }

  /** Undefined: all are taken. */
  take(): number | undefined {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#used === this.#most) return undefined
    if (this.#used === this.#size) this.#grow(Math.min(this.#most, this.#size * 2))
    return this.#used++
  }

  /** Nothing is left in the slot. */
  clear(slot: number): void {
    for (const column of TIMES) this[column][slot] = NaN
    for (const column of NAMED) this[column][slot] = NONE
    for (const column of TEXTS) this[column][slot] = undefined
    this.id[slot] = ''
    this.state[slot] = 0
    this.retries[slot] = 0
    this.touch[slot] = GONE
  }

  give(slot: number): void {
    this.clear(slot)
    this.#free.push(slot)
  }

  #grow(size: number): void {
    const from = this.#size
    for (const column of TIMES) this[column] = grown(this[column], new Float64Array(size)).fill(NaN, from)
    for (const column of NAMED) this[column] = grown(this[column], new Int32Array(size)).fill(NONE, from)
    this.newer = grown(this.newer, new Int32Array(size))
    this.older = grown(this.older, new Int32Array(size))
    this.kinNext = grown(this.kinNext, new Int32Array(size))
    this.kinBefore = grown(this.kinBefore, new Int32Array(size))
    this.touch = grown(this.touch, new Float64Array(size))
    this.retries = grown(this.retries, new Uint32Array(size))
    this.state = grown(this.state, new Uint8Array(size))
    this.#size = size
  }
}

function grown<T extends Float64Array | Int32Array | Uint32Array | Uint8Array>(from: T, into: T): T {
  into.set(from as never)
  return into
}
