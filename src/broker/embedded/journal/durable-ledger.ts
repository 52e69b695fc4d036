import type { Clock } from '../../../base/clock.ts'
import type { BindingSpec, ExchangeSpec, QueueSpec } from '../../broker.ts'
import type { Headers } from '../../../protocol/headers.ts'
import type { Engine } from '../engine.ts'
import type { Ledger } from '../ledger.ts'
import type { EngineQueue } from '../queue.ts'
import type { Entry } from '../waiting.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { writeTable } from '../wire/value-codec.ts'
import { Fact } from './fact.ts'
import type { Journal } from './journal.ts'
import { KeptEntry } from './kept-entry.ts'
import { RECORD, writeRecord } from './record.ts'
import { Replay, topologyKey } from './replay.ts'
import { leave, type Live, type Segment, settleIn } from './segment.ts'

/** Files full of what is dead that are not worth the work of being rid of. */
const DEAD_FILES_ALLOWED = 2

/** So small a part of a file is moved whenever it is in the way of being rid of it: each start of the broker leaves one. */
const MOVED_FREELY = 1 / 128

/** Records, and bytes of them, that are moved in one go: all that is asked for meanwhile waits. */
const MOVED_AT_ONCE = 256
const MOVED_BYTES_AT_ONCE = 128 * 1024

/**
 * Writes down what must outlive the engine. What is told here is written with the next `flush`; only new messages that
 * were staged can be refused there, for want of room on the disk.
 */
export class DurableLedger implements Ledger {
  #clock: Clock
  #journal: Journal
  #topology: Map<string, Live>
  /** New messages, not in the engine yet. */
  #staged = new ByteWriter()
  #stagedLives: Live[] = []
  /** All else that is to be written. */
  #pending = new ByteWriter()
  #pendingLives: Live[] = []
  #removed: number[] = []
  #handed: number[] = []
  #isReclaiming = false
  #isMoving = false
  #onWork: () => void

  /** `onWork` is called when there is something to write: `flush` is wanted soon. */
  constructor(clock: Clock, journal: Journal, replay: Replay, onWork: () => void) {
    this.#clock = clock
    this.#journal = journal
    this.#topology = replay.topology
    this.#onWork = onWork
  }

  /** Something is to be written. */
  get hasWork(): boolean {
    return this.#staged.length + this.#pending.length + this.#removed.length + this.#handed.length > 0
  }

  /** A file is being emptied: the next `flush` goes on with it, be there something to write or not. */
  get isMoving(): boolean {
    return this.#isMoving
  }

  /** Whether something new of this size can be written now, beside what waits to be written. */
  hasRoom(bytes: number): boolean {
    return this.#journal.hasRoom(this.#pending.length + bytes)
  }

  /** Gives an engine that is still empty what an earlier one left. */
  restore(engine: Engine, replay: Replay): void {
    replay.into(engine)
  }

  /** Whether a message in this queue is kept at all. */
  isKept(entry: Entry, queue: EngineQueue): boolean {
    return entry.message.deliveryMode === 2 && isDurable(queue)
  }

  /** A new message, which goes into the engine only when `flush` has said that it is written down. */
  stage(entry: Entry, queue: EngineQueue): void {
    const kept = new KeptEntry(this.#clock, entry, queue.name)
    kept.queue = queue
    entry.kept = kept
    this.#record(this.#staged, kept)
    this.#stagedLives.push(kept)
  }

  put(entry: Entry, queue: EngineQueue): void {
    if (!this.isKept(entry, queue)) return
    const kept = new KeptEntry(this.#clock, entry, queue.name)
    kept.queue = queue
    entry.kept = kept
    this.keep(kept)
  }

  handed({ kept, seq }: Entry): void {
    if (!kept || kept.isHanded) return
    kept.isHanded = true
    this.#handed.push(seq)
    this.#onWork()
  }

  delayed({ kept }: Entry): void {
    const entry = kept as KeptEntry | undefined
    if (!entry || entry.isGone) return
    // Before what says that nobody has it any more.
    this.#writeNumbers(RECORD.handed, this.#handed)
    entry.isHanded = false
    this.keep(entry)
  }

  removed(entry: Entry): void {
    const kept = entry.kept as KeptEntry | undefined
    if (!kept || kept.isGone) return
    kept.isGone = true
    leave(kept)
    this.#removed.push(entry.seq)
    this.#onWork()
  }

  exchangeDeclared(spec: ExchangeSpec): void {
    if (spec.durable ?? true) this.#declare(RECORD.exchangeDeclared, topologyKey.exchange(spec.name), spec)
  }

  exchangeDeleted({ name }: ExchangeSpec): void {
    const gone = this.#topology.get(topologyKey.exchange(name))
    if (!gone) return
    this.#forget(topologyKey.exchange(name), gone)
    this.drop(RECORD.exchangeDeleted, name)
  }

  queueDeclared(queue: EngineQueue): void {
    if (isDurable(queue)) this.#declare(RECORD.queueDeclared, topologyKey.queue(queue.name), queue.spec)
  }

  queueDeleted({ name, waiting }: EngineQueue): void {
    const gone = this.#topology.get(topologyKey.queue(name))
    if (!gone) return
    this.#forget(topologyKey.queue(name), gone)
    for (const [key, live] of this.#topology) if (topologyKey.isBindingOf(key, name)) this.#forget(key, live)
    // The record says it for all of them.
    for (const { kept } of waiting.all()) {
      ;(kept as KeptEntry | undefined)?.forget()
    }
    this.drop(RECORD.queueDeleted, name)
  }

  bound({ exchange, queue, routingKey }: BindingSpec): void {
    const key = topologyKey.binding(exchange, queue, routingKey)
    // It comes from the journal.
    if (this.#topology.has(key)) return
    if (!this.#topology.has(topologyKey.exchange(exchange)) || !this.#topology.has(topologyKey.queue(queue))) return
    const fact = new Fact(RECORD.bound, (writer) => {
      for (const text of [exchange, queue, routingKey]) writer.text(text)
    })
    this.#topology.set(key, fact)
    this.keep(fact)
  }

  /** Has a new thing, or its newest state, written down. */
  keep(live: Live): void {
    this.#record(this.#pending, live)
    this.#pendingLives.push(live)
    this.#onWork()
  }

  /** Writes down that something of this name is no more. */
  drop(kind: number, name: string): void {
    writeRecord(this.#pending, this.#journal.salt, kind, () => this.#pending.text(name))
    this.#onWork()
  }

  /**
   * Writes all that was told. False when the disk has no room for what was staged: that is then forgotten. The rest stays
   * until there is room.
   */
  flush(): boolean {
    this.#writeNumbers(RECORD.handed, this.#handed)
    this.#writeNumbers(RECORD.removed, this.#removed)
    const [pending, staged] = [this.#pending.since(0), this.#staged.since(0)]
    const isTaken = staged.length === 0 || this.#journal.write([pending, staged], false)
    if (isTaken && staged.length > 0) this.#settle(this.#stagedLives)
    const isPendingTaken =
      (isTaken && staged.length > 0) || pending.length === 0 || this.#journal.write([pending], true)
    if (isPendingTaken) {
      this.#settle(this.#pendingLives)
      this.#pending.cut(0)
    }
    this.#stagedLives.length = 0
    this.#staged.cut(0)
    this.#reclaim()
    return isTaken
  }

  #record(writer: ByteWriter, live: Live): void {
    live.bytes = writeRecord(writer, this.#journal.salt, live.kind, () => live.fill(writer))
  }

  #writeNumbers(kind: number, numbers: number[]): void {
    if (numbers.length === 0) return
    writeRecord(this.#pending, this.#journal.salt, kind, () => {
      for (const number of numbers) this.#pending.f64(number)
    })
    numbers.length = 0
  }

  #settle(lives: Live[]): void {
    const tail = this.#journal.tail as Segment
    for (const live of lives) if (!live.isGone) settleIn(tail, live)
    lives.length = 0
  }

  #declare(kind: number, key: string, spec: QueueSpec | ExchangeSpec): void {
    // It comes from the journal.
    if (this.#topology.has(key)) return
    const fact = new Fact(kind, (writer) => writeTable(writer, spec as unknown as Headers))
    this.#topology.set(key, fact)
    this.keep(fact)
  }

  #forget(key: string, live: Live): void {
    this.#topology.delete(key)
    live.isGone = true
    leave(live)
  }

  /** Empties the oldest file into the newest when that is worth it, some of it at a time, and lets it go. */
  #reclaim(): void {
    const { segments, isFull } = this.#journal
    const [oldest] = segments
    this.#isMoving = false
    if (!oldest || segments.length < 2 || this.#isReclaiming || !this.#isWorthIt(oldest)) return
    if (this.hasWork) {
      // The disk is full. Copies must not stand before what waits for room; but if that is nothing that is to be kept, a
      // file in which all is dead makes the room.
      if (this.#pendingLives.length === 0 && oldest.live.size === 0) this.#dropWhenDurable()
      return
    }
    let moved = 0
    for (const one of oldest.live.keys()) {
      if (moved++ === MOVED_AT_ONCE || this.#pending.length >= MOVED_BYTES_AT_ONCE) break
      this.#move(one)
    }
    const copies = this.#pending.since(0)
    const isTaken = copies.length === 0 || this.#journal.write([copies], isFull)
    if (isTaken) this.#settle(this.#pendingLives)
    // Without room for the copies everything is still where it was.
    this.#pendingLives.length = 0
    this.#pending.cut(0)
    if (!isTaken) return
    if (oldest.live.size === 0) return this.#dropWhenDurable()
    this.#isMoving = true
    this.#onWork()
  }

  /** When there is more that is dead than alive, or next to nothing alive in that file. */
  #isWorthIt({ liveBytes }: Segment): boolean {
    const { segments, segmentBytes, bytes, isFull } = this.#journal
    if (liveBytes <= segmentBytes * MOVED_FREELY) return true
    const live = segments.reduce((sum, segment) => sum + segment.liveBytes, 0)
    return !isFull && bytes - live > live + segmentBytes * DEAD_FILES_ALLOWED
  }

  #move(live: Live): void {
    if (live instanceof KeptEntry && live.queue?.deleted) return live.forget()
    this.#record(this.#pending, live)
    this.#pendingLives.push(live)
  }

  /** Only when what was moved is durable elsewhere may the file go. */
  #dropWhenDurable(): void {
    this.#isReclaiming = true
    this.#journal.afterSync(() => {
      this.#isReclaiming = false
      this.#journal.dropOldest()
      this.#reclaim()
    })
  }
}

function isDurable({ spec, owner }: EngineQueue): boolean {
  return (spec.durable ?? true) && owner === undefined
}
