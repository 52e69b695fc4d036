import type { Expectation } from '../backend/backend.ts'
import type { App } from '../app/app.ts'
import { partsOf, readEntry, StreamWords } from '../app/stream-log.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { isProgress, isReady, payloadValue, type Outcome } from '../protocol/outcome.ts'
import type { Log, LogPage } from '../store/store.ts'
import type { EventReader } from './event-reader.ts'
import { END_ID, eventsOf, eventText, isBehind, type Cursor, type FeedEvent } from './feed-events.ts'

/** Most bytes of events that are held for all readers of a task, beside one page of its log. */
const HELD_BYTES = 256 * 1024

/** What a {@link Feed} stands on. */
export interface FeedOptions {
  readonly id: string
  readonly app: Pick<App, 'client' | 'store'>
  readonly clock: Clock
  /** How the end is told. */
  readonly end: (outcome: Outcome) => object
  /** Nobody reads any more. */
  readonly onIdle: () => void
}

/**
 * What happens to one task, for all who read of it here. What comes is read once, as fast as the fastest reader takes it,
 * and held for a while; who is slower reads it again by himself. To the task they are one reader, as slow as the slowest.
 */
export class Feed {
  readonly readers = new Set<EventReader>()
  /** The newest thing that the task has told of itself. */
  progress: Buffer | undefined
  /** How the task has ended, once it has. */
  ended: Buffer | undefined
  readonly #options: FeedOptions
  #log: Log | undefined
  #words: StreamWords | undefined
  #expectation: Expectation | undefined
  #unlisten: (() => void) | undefined
  #held: FeedEvent[] = []
  #heldBytes = 0
  /** Behind what is held. */
  #floor: Cursor
  #head: Cursor
  /** Position of the last entry there will be. */
  #last = Infinity
  #resume: (() => void) | undefined
  #isWanted = false
  #isCounting = false
  #isClosed = false

  /** Begins to read at a cursor. */
  constructor(options: FeedOptions, from: Cursor) {
    this.#options = options
    this.#floor = this.#head = from
  }

  async start(): Promise<void> {
    const { id, app, clock } = this.#options
    const store = await app.store('The events of a task')
    const { backend } = await app.client()
    const stream = (this.#log = partsOf(store, id))
    const words = (this.#words = new StreamWords(store, id, clock))
    await words.join(this.#head.count)
    const { position, index } = this.#head
    // Of an entry that was read in part the rest is still to come.
    const after = Math.max(0, index > 0 ? position - 1 : position)
    this.#unlisten = await stream.listen((page) => this.#take(page), { after })
    const expectation = (this.#expectation = await backend.expect(id))
    if (this.#isClosed) return this.close()
    expectation.onUpdate((outcome) => this.#told(outcome))
    if (expectation.latest && !isReady(expectation.latest.state)) this.#told(expectation.latest)
    expectation.done.then(
      (outcome) => void this.#over(outcome),
      (error: unknown) => this.#fail(error),
    )
  }

  close(): void {
    this.#isClosed = true
    this.#unlisten?.()
    this.#resume?.()
    this.#words?.leave()
    this.#expectation?.close()
    for (const reader of this.readers) reader.destroy()
  }

  leave(reader: EventReader): void {
    if (!this.readers.delete(reader)) return
    if (this.readers.size === 0) this.#options.onIdle()
    else this.hasRead()
  }

  /** The first event behind a cursor. `'elsewhere'`: it is not held any more; undefined: there is none yet. */
  next(cursor: Cursor): FeedEvent | 'elsewhere' | undefined {
    if (isBehind(cursor, this.#floor)) return 'elsewhere'
    let low = 0
    let high = this.#held.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBehind(cursor, this.#held[middle] as FeedEvent)) high = middle
      else low = middle + 1
    }
    return this.#held[low]
  }

  /** Whether nothing can come behind a cursor. */
  isOver({ position }: Cursor): boolean {
    return this.ended !== undefined && position >= this.#last
  }

  /** Somebody has read all there is. */
  more(): void {
    this.#isWanted = true
    this.#resume?.()
    this.#resume = undefined
  }

  /** Reads for one who is further behind than what is held. */
  async elsewhere(cursor: Cursor): Promise<FeedEvent[]> {
    const after = Math.max(0, cursor.index > 0 ? cursor.position - 1 : cursor.position)
    const page = await (this.#log as Log).read({ after, limit: 10 })
    const events = eventsOf(page, cursor).filter((event) => !isBehind(this.#floor, event))
    if (events.length > 0) return events
    const { count: through } = this.#floor
    return [{ ...this.#floor, text: eventText('gap', { through }) }]
  }

  /** A reader has read on; how far the slowest is, is worked out once for all who have in this turn. */
  hasRead(): void {
    if (this.#isCounting) return
    this.#isCounting = true
    this.#options.clock.turn(() => {
      this.#isCounting = false
      let slowest: EventReader | undefined
      for (const reader of this.readers) if (!slowest || reader.cursor.count < slowest.cursor.count) slowest = reader
      if (slowest) this.#words?.read(slowest.cursor.count, slowest.takeBytes())
    })
  }

  #take(page: LogPage): Promise<void> | void {
    this.#isWanted = false
    while (this.#heldBytes > HELD_BYTES) {
      const oldest = this.#held.shift() as FeedEvent
      this.#heldBytes -= oldest.text?.length ?? 0
      this.#floor = oldest
    }
    for (const { value } of page.entries) {
      const entry = readEntry(value)
      if (entry?.kind === 'begin' && this.#words) this.#words.window = entry.window
    }
    try {
      for (const event of eventsOf(page, this.#head)) {
        this.#held.push(event)
        this.#heldBytes += event.text?.length ?? 0
        this.#head = event
      }
    } catch (error) {
      return this.#fail(error)
    }
    this.#wake()
    if (this.#isWanted || this.#isClosed) return
    return new Promise((resolve) => (this.#resume = resolve))
  }

  #told(outcome: Outcome): void {
    if (!isProgress(outcome)) return
    try {
      this.progress = eventText('progress', payloadValue(outcome.result))
    } catch (error) {
      const { id } = this.#options
      return log('warn', 'gateway', 'progress of a task cannot be told', { id, error: messageOf(error) })
    }
    this.#wake()
  }

  async #over(outcome: Outcome): Promise<void> {
    try {
      const ended = eventText('end', this.#options.end(outcome), END_ID)
      // All that the task has yielded stands in the log before its end is told.
      this.#last = (await (this.#log as Log).read({ after: this.#head.position, limit: 1 })).last
      this.ended = ended
      this.#wake()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Clients come again, to this gateway or to another, and go on where they were. */
  #fail(error: unknown): void {
    if (this.#isClosed) return
    log('warn', 'gateway', 'events of a task are cut', { id: this.#options.id, error: messageOf(error) })
    for (const reader of this.readers) reader.destroy()
  }

  #wake(): void {
    for (const reader of this.readers) reader.pump()
  }
}
