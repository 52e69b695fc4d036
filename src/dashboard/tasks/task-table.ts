import { Columns, NAME_COLUMNS, type NameColumn, NONE, TEXT_COLUMNS, type TextColumn } from './columns.ts'
import { NO_NAME, Names } from './names.ts'

/** How much a table holds. */
export interface TableLimits {
  readonly maxTasks: number
  readonly maxTextBytes: number
}

/** One event of a task, as it is kept. */
export interface KeptEvent {
  readonly type: string
  readonly atMs: number
  readonly worker: string | null
}

/** Events that are kept of one task. */
const MOST_EVENTS = 100

/** What an event costs, about. */
const EVENT_BYTES = 64

/**
 * The tasks that are held, in the order in which something was last heard of them. The one of which nothing was heard for
 * longest makes way, by the number of tasks or by the length of their texts.
 */
export class TaskTable {
  readonly columns: Columns
  readonly names = new Names()
  readonly #limits: TableLimits
  readonly #slots = new Map<string, number>()
  /** Of tasks that were tried more than once, or tell things of their own: of all others the columns say it. */
  readonly #events = new Map<number, KeptEvent[]>()
  /** The first of those that have this root and are not it, by the root. */
  readonly #kin = new Map<string, number>()
  #newest = NONE
  #oldest = NONE
  #touch = 0
  #rewrites = 0
  #textBytes = 0

  constructor(limits: TableLimits) {
    this.#limits = limits
    this.columns = new Columns(limits.maxTasks)
  }

  get size(): number {
    return this.#slots.size
  }

  /** Of all texts that are held, about. */
  get textBytes(): number {
    return this.#textBytes
  }

  /** The number of the last change. */
  get touched(): number {
    return this.#touch
  }

  /** Grows with what changes a task and is no news of it: one of another run was put behind the others, or added to. */
  get rewrites(): number {
    return this.#rewrites
  }

  /** A task is changed without being touched. */
  rewrite(): void {
    this.#rewrites++
  }

  get newest(): number {
    return this.#newest
  }

  get oldest(): number {
    return this.#oldest
  }

  /** Undefined: it is not held. */
  find(id: string): number | undefined {
    return this.#slots.get(id)
  }

  /** The slot of a task, as the one that was heard of last. */
  touch(id: string, atMs: number): number {
    let slot = this.#slots.get(id)
    if (slot === undefined) slot = this.#add(id)
    else if (slot !== this.#newest) {
      this.#unlink(slot)
      this.#linkNewest(slot)
    }
    const { columns } = this
    columns.touch[slot] = ++this.#touch
    columns.updatedMs[slot] = atMs
    return slot
  }

  /** A slot behind all others, for a task of long ago; undefined: there is no room, or it is held already. */
  addOldest(id: string): number | undefined {
    if (this.#slots.has(id) || this.#textBytes > this.#limits.maxTextBytes) return undefined
    const slot = this.columns.take()
    if (slot === undefined) return undefined
    this.rewrite()
    this.#slots.set(id, slot)
    const { columns } = this
    columns.id[slot] = id
    // Below all that is there, so that the order and the numbers agree.
    columns.touch[slot] = (this.#oldest === NONE ? 0 : (columns.touch[this.#oldest] ?? 0)) - 1
    columns.newer[slot] = this.#oldest
    columns.older[slot] = NONE
    if (this.#oldest === NONE) this.#newest = slot
    else columns.older[this.#oldest] = slot
    this.#oldest = slot
    return slot
  }

  setName(column: NameColumn, slot: number, text: string): void {
    const numbers = this.columns[column]
    const before = numbers[slot] as number
    if (before !== NO_NAME && this.names.text(before) === text) return
    numbers[slot] = this.names.hold(text)
    this.names.release(before)
  }

  setText(column: TextColumn, slot: number, text: string): void {
    const texts = this.columns[column]
    const before = texts[slot]
    this.#textBytes += text.length - (before?.length ?? 0)
    if (column === 'rootId' && before !== text) {
      if (before !== undefined) this.#unlinkKin(slot, before)
      this.#linkKin(slot, text)
    }
    texts[slot] = text
  }

  /** Those that have a root in common, without the root itself; of more than `most` those that came last. The newest first. */
  kinOf(root: string, most: number): number[] {
    const { kinNext, touch } = this.columns
    const kin: number[] = []
    for (let slot = this.#kin.get(root) ?? NONE; slot !== NONE && kin.length < most; slot = kinNext[slot] as number) {
      kin.push(slot)
    }
    return kin.sort((a, b) => (touch[b] as number) - (touch[a] as number))
  }

  nameText(column: NameColumn, slot: number): string | null {
    return this.names.text(this.columns[column][slot] as number) ?? null
  }

  /** Undefined: the columns say it all. */
  events(slot: number): readonly KeptEvent[] | undefined {
    return this.#events.get(slot)
  }

  keepEvents(slot: number, events: readonly KeptEvent[]): void {
    const kept = this.#events.get(slot)
    const all = [...(kept ?? []), ...events].slice(-MOST_EVENTS)
    this.#textBytes += (all.length - (kept?.length ?? 0)) * EVENT_BYTES
    this.#events.set(slot, all)
  }

  /** Lets go of what is too much, but never of the newest. */
  trim(): void {
    while (this.#textBytes > this.#limits.maxTextBytes && this.#oldest !== this.#newest) this.#evict()
  }

  /** Slots, the newest first. The table may change between two steps: what is evicted meanwhile ends the walk. */
  *slots(): Generator<number, void, undefined> {
    for (let slot = this.#newest; slot !== NONE; slot = this.columns.older[slot] as number) yield slot
  }

  /** The order as it is now: slots, the newest first. */
  snapshot(): Int32Array {
    const all = new Int32Array(this.size)
    const { older } = this.columns
    let at = 0
    for (let slot = this.#newest; slot !== NONE && at < all.length; slot = older[slot] as number) all[at++] = slot
    return all
  }

  #add(id: string): number {
    let slot = this.columns.take()
    if (slot === undefined) {
      this.#evict()
      slot = this.columns.take() as number
    }
    this.#slots.set(id, slot)
    this.columns.id[slot] = id
    this.#linkNewest(slot)
    return slot
  }

  #linkNewest(slot: number): void {
    const { columns } = this
    columns.newer[slot] = NONE
    columns.older[slot] = this.#newest
    if (this.#newest === NONE) this.#oldest = slot
    else columns.newer[this.#newest] = slot
    this.#newest = slot
  }

  #unlink(slot: number): void {
    const { columns } = this
    const [newer, older] = [columns.newer[slot] as number, columns.older[slot] as number]
    if (newer === NONE) this.#newest = older
    else columns.older[newer] = older
    if (older === NONE) this.#oldest = newer
    else columns.newer[older] = newer
  }

  #linkKin(slot: number, root: string): void {
    const { kinNext, kinBefore } = this.columns
    const first = this.#kin.get(root) ?? NONE
    kinNext[slot] = first
    kinBefore[slot] = NONE
    if (first !== NONE) kinBefore[first] = slot
    this.#kin.set(root, slot)
  }

  #unlinkKin(slot: number, root: string): void {
    const { kinNext, kinBefore } = this.columns
    const [next, before] = [kinNext[slot] as number, kinBefore[slot] as number]
    if (next !== NONE) kinBefore[next] = before
    if (before !== NONE) kinNext[before] = next
    else if (next === NONE) this.#kin.delete(root)
    else this.#kin.set(root, next)
  }

  #evict(): void {
    const slot = this.#oldest
    const { columns } = this
    this.#unlink(slot)
    this.#slots.delete(columns.id[slot] as string)
    const root = columns.rootId[slot]
    if (root !== undefined) this.#unlinkKin(slot, root)
    for (const column of TEXT_COLUMNS) this.#textBytes -= columns[column][slot]?.length ?? 0
    for (const column of NAME_COLUMNS) this.names.release(columns[column][slot] as number)
    this.#textBytes -= (this.#events.get(slot)?.length ?? 0) * EVENT_BYTES
    this.#events.delete(slot)
    columns.give(slot)
  }
}
