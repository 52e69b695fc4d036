import { Readable } from 'node:stream'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Cursor, FeedEvent } from './feed-events.ts'
import type { Feed } from './feed.ts'

/** Bytes that wait for the socket of one reader. */
const AHEAD_BYTES = 16 * 1024

/** A client whose connection was lost comes again after so long. Less than a task waits for a last reader to come back. */
const RETRY = Buffer.from('retry: 1000\n\n')

const COMMENT = Buffer.from(':\n\n')

/** What one client reads of one task, at its own pace. */
export class EventReader extends Readable {
  /** How far it has read. */
  cursor: Cursor
  readonly #feed: Feed
  /** Read again by itself, because it is further behind than what is held for all. */
  #own: FeedEvent[] = []
  #progress: Buffer | undefined
  #isWanted = false
  #isBusy = false
  #bytes = 0

  constructor(feed: Feed, cursor: Cursor) {
    super({ highWaterMark: AHEAD_BYTES })
    this.#feed = feed
    this.cursor = cursor
    this.push(RETRY)
  }

  override _read(): void {
    this.#isWanted = true
    this.pump()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#isWanted = false
    this.#feed.leave(this)
    done(error)
  }

  /** Gives out what there is, as long as it is taken. */
  pump(): void {
    while (this.#isWanted) {
      const text = this.#next()
      if (!text) return
      this.#isWanted = this.push(text)
      if (text === this.#feed.ended) {
        this.#isWanted = false
        this.push(null)
      }
    }
  }

  /** Shows that the connection lives, to the client and to all in between. */
  beat(): void {
    if (this.#isWanted) this.#isWanted = this.push(COMMENT)
  }

  /** Bytes that it has read since this was asked for the last time. */
  takeBytes(): number {
    const bytes = this.#bytes
    this.#bytes = 0
    return bytes
  }

  #next(): Buffer | undefined {
    if (this.#isBusy) return undefined
    const { progress } = this.#feed
    if (progress && progress !== this.#progress) return (this.#progress = progress)
    for (;;) {
      const event = this.#own.shift() ?? this.#feed.next(this.cursor)
      if (event === 'elsewhere') {
        void this.#readOwn()
        return undefined
      }
      if (!event) return this.#waited()
      const isNews = event.voidFrom === undefined || event.voidFrom <= this.cursor.count
      this.cursor = event
      this.#bytes += event.text?.length ?? 0
      this.#feed.hasRead()
      if (event.text && isNews) return event.text
    }
  }

  #waited(): Buffer | undefined {
    if (this.#feed.isOver(this.cursor)) return this.#feed.ended
    this.#feed.more()
    return undefined
  }

  async #readOwn(): Promise<void> {
    this.#isBusy = true
    try {
      this.#own = await this.#feed.elsewhere(this.cursor)
      this.#isBusy = false
      this.pump()
    } catch (error) {
      log('warn', 'gateway', 'events of a task cannot be read', { error: messageOf(error) })
      this.destroy()
    }
  }
}
