import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../../base/clock.ts'
import { LovageError } from '../../../base/errors.ts'
import type { Destination } from '../../broker.ts'
import { queueFull } from '../../publish-errors.ts'
import { Engine } from '../engine.ts'
import { DurableLedger } from '../journal/durable-ledger.ts'
import { Journal, type JournalOptions } from '../journal/journal.ts'
import { recover } from '../journal/recovery.ts'
import { Replay } from '../journal/replay.ts'
import { TablesLedger } from '../journal/tables-ledger.ts'
import type { EngineQueue } from '../queue.ts'
import { Results } from '../results.ts'
import { Tables } from '../tables/tables.ts'
import type { Entry } from '../waiting.ts'
import type { PackedMessage } from '../wire/packed-message.ts'
import { Served } from './served.ts'

/** While something cannot be written for want of room. */
const FLUSH_AGAIN_MS = 250

/** What a client says of a message. */
interface Publishing {
  readonly id: number
  readonly message: PackedMessage
  readonly to: Destination
  readonly isMandatory: boolean
  /** Epoch ms; undefined: at once. */
  readonly atMs: number | undefined
}

/** A message that waits to be written down before anybody may see it. */
interface Staged {
  readonly served: Served
  readonly id: number
  readonly entries: readonly (readonly [Entry, EngineQueue])[]
  readonly isKept: boolean
}

/**
 * The engine with its journal, and the clients that speak to it. In each turn of the event loop: new messages are
 * written down, then go into their queues; what came of that is written down; then all clients are answered. A message
 * is confirmed when it outlives a loss of power, and nothing is handed out whose handing out is not written down.
 */
export class EngineServer {
  readonly engine: Engine
  readonly results: Results
  readonly tables: Tables
  #clock: Clock
  #journal: Journal
  #ledger: DurableLedger
  #clients = new Set<Served>()
  #staged: Staged[] = []
  /** Who waits until all is written down. */
  #unwritten: (() => void)[] = []
  #talking = new Set<Served>()
  #wanted: (() => void)[] = []
  #isScheduled = false
  /** While nothing more is handed out: called when nothing is in hand. */
  #onDrained: (() => void) | undefined
  #again: Timer | undefined

  /**
   * Reads the journal and goes on where it ends.
   * @throws LovageError `HOME_UNUSABLE`
   */
  constructor(options: JournalOptions, path: string) {
    const { clock, files } = options
    const replay = new Replay(clock)
    const recovered = recover(files, path, (record, size, segment) => replay.take(record, size, segment))
    this.#clock = clock
    this.#journal = new Journal(options, recovered)
    this.#ledger = new DurableLedger(clock, this.#journal, replay, () => this.#schedule())
    this.engine = new Engine(clock, this.#ledger)
    this.#ledger.restore(this.engine, replay)
    this.results = new Results(clock, this.#ledger, replay.results.values())
    this.tables = new Tables({ clock, ledger: new TablesLedger(clock, this.#ledger) })
    this.tables.restore(replay.items.all())
  }

  /** Serves one more client. */
  serve(socket: Socket): void {
    this.#clients.add(new Served(this, socket))
  }

  forget(served: Served): void {
    this.#clients.delete(served)
    this.#talking.delete(served)
  }

  /** Takes a message; whether it can be kept is said at the end of the turn. */
  publish(served: Served, { id, message, to, isMandatory, atMs }: Publishing): void {
    let queues: readonly EngineQueue[]
    try {
      queues = this.engine.route(to, isMandatory)
    } catch (error) {
      return served.fail(id, error)
    }
    let isKept = false
    const entries = queues.map((queue) => {
      const entry = this.engine.prepare(message, to, queue, atMs)
      if (this.#ledger.isKept(entry, queue)) {
        this.#ledger.stage(entry, queue)
        isKept = true
      }
      return [entry, queue] as const
    })
    this.#staged.push({ served, id, entries, isKept })
    this.#schedule()
  }

  /** Writes down the messages of this turn so far, and puts them into their queues. */
  commit(): void {
    const staged = this.#staged
    if (staged.length === 0) return
    this.#staged = []
    const isTaken = !staged.some(({ isKept }) => isKept) || this.#ledger.flush()
    const confirmed: Staged[] = []
    for (const one of staged) {
      if (one.isKept && !isTaken) one.served.fail(one.id, diskFull())
      else if (!this.#admit(one)) continue
      else if (one.isKept) confirmed.push(one)
      else one.served.done(one.id)
    }
    if (confirmed.length > 0) {
      this.#journal.afterSync(() => {
        for (const { served, id } of confirmed) served.done(id)
      })
    }
  }

  /** Calls `fn` when all that was done so far outlives a loss of power, or when there is no room to write it down. */
  whenDurable(fn: () => void): void {
    this.#wanted.push(fn)
    this.#schedule()
  }

  /** Calls `fn` when all that was done so far outlives a loss of power; with a full disk, when there is room again. */
  whenWritten(fn: () => void): void {
    this.#unwritten.push(fn)
    this.#schedule()
  }

  /** Whether something new of this size can be written down now. */
  hasRoom(bytes: number): boolean {
    return this.#ledger.hasRoom(bytes)
  }

  /** This client is to be written to at the end of the turn. */
  willWrite(served: Served): void {
    this.#talking.add(served)
    this.#schedule()
  }

  /**
   * Hands out nothing more, and waits until all that was handed out is settled, but no longer than `longestMs`: what is
   * then in hand comes again from the next owner.
   */
  async drain(longestMs: number): Promise<void> {
    for (const { session } of this.#clients) session.pause()
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(longestMs, resolve)
      this.#onDrained = (): void => {
        timer.cancel()
        resolve()
      }
      this.lookIfDrained()
    })
    this.#onDrained = undefined
  }

  /** A client holds less than before. */
  lookIfDrained(): void {
    if (this.#onDrained && ![...this.#clients].some(({ session }) => session.isHolding)) this.#onDrained()
  }

  /** Ends all clients and closes the journal. */
  async stop(): Promise<void> {
    this.commit()
    this.#finish()
    for (const served of this.#clients) served.destroy()
    this.#again?.cancel()
    await this.#journal.close()
  }

  #admit({ served, id, entries }: Staged): boolean {
    let full: EngineQueue | undefined
    for (const [entry, queue] of entries) if (!this.engine.admit(entry, queue)) full = queue
    if (full) served.fail(id, queueFull(full.name))
    return !full
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.turn(() => {
      this.commit()
      // Sessions hand out in microtasks that are waiting now: what they say goes out with this turn.
      queueMicrotask(() => this.#finish())
    })
  }

  #finish(): void {
    this.#isScheduled = false
    // Published by who was told of something in this turn.
    if (this.#staged.length > 0) this.#schedule()
    if ((this.#ledger.hasWork || this.#ledger.isMoving) && !this.#again) {
      this.#ledger.flush()
      if (this.#ledger.hasWork) this.#again = this.#clock.after(FLUSH_AGAIN_MS, () => this.#tryAgain(), { unref: true })
    }
    this.#answerWritten()
    const wanted = this.#wanted.splice(0)
    const tell = (): void => {
      for (const fn of wanted) fn()
    }
    // With a full disk the work goes on: what is lost then with the process is also not acknowledged then.
    if (wanted.length > 0 && this.#ledger.hasWork) tell()
    else if (wanted.length > 0) this.#journal.afterSync(tell)
    const talking = [...this.#talking]
    this.#talking.clear()
    for (const served of talking) served.flush()
  }

  #answerWritten(): void {
    if (this.#unwritten.length === 0 || this.#ledger.hasWork) return
    const written = this.#unwritten
    this.#unwritten = []
    this.#journal.afterSync(() => {
      for (const fn of written) fn()
    })
  }

  #tryAgain(): void {
    this.#again = undefined
    this.#finish()
  }
}

function diskFull(): LovageError {
  return new LovageError('PUBLISH_REFUSED', { problem: 'the disk of the embedded broker is full' })
}
