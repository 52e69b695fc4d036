import type { App } from '../app/app.ts'
import { assertStore } from '../app/capabilities.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { EventReader } from './event-reader.ts'
import { END_ID, readCursor, type Cursor } from './feed-events.ts'
import { Feed, type FeedOptions } from './feed.ts'
import type { Reply } from './reply.ts'
import type { RouteRequest } from './route.ts'
import { guarded, stateOf, ticketOf, type TaskSources } from './task-state.ts'

/** What {@link Events} stand on. */
export interface EventsOptions extends TaskSources {
  readonly app: App
  readonly clock: Clock
  /** Most clients that read events at a time. */
  readonly maxReaders: number
  /** How often a connection on which nothing happens is shown to live, in milliseconds. */
  readonly heartbeatMs: number
}

const START: Cursor = { position: 0, index: 0, count: 0 }

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // nginx would hold it back until its buffer is full.
  'x-accel-buffering': 'no',
}

/** Answers `GET /tasks/<id>/events`: what happens to a task, as server-sent events. */
export class Events {
  readonly #options: EventsOptions
  readonly #feeds = new Map<string, { readonly feed: Feed; readonly started: Promise<void> }>()
  #readers = 0
  #beat: Timer | undefined

  constructor(options: EventsOptions) {
    this.#options = options
  }

  /** Clients that read now. */
  get readers(): number {
    return this.#readers
  }

  /** Ends all streams, whose connections would be waited for: clients come again elsewhere, and go on where they were. */
  close(): void {
    this.#beat?.cancel()
    this.#beat = undefined
    for (const { feed } of this.#feeds.values()) feed.close()
  }

  reply(id: string, request: RouteRequest & { onGone: (() => void) | undefined }): Promise<Reply> {
    return guarded('GET /tasks/:id/events', id, async () => {
      const { app, maxReaders, exposeErrors } = this.#options
      assertStore(app.settings, 'GET /tasks/:id/events')
      const cursor = cursorOf(request.headers['last-event-id'])
      const ticket = await ticketOf(id, this.#options)
      // To a client of the browser's this says not to come again.
      if (cursor === END_ID) return { status: 204, headers: { 'cache-control': 'no-store' }, body: '' }
      if (this.#readers >= maxReaders) throw new LovageError('READERS_TOO_MANY', { readers: this.#readers })
      const reader = await this.#join(id, cursor, (outcome) => stateOf(id, outcome, ticket, exposeErrors))
      request.onGone = () => reader.destroy()
      return { status: 200, headers: HEADERS, body: reader }
    })
  }

  async #join(id: string, cursor: Cursor, end: FeedOptions['end']): Promise<EventReader> {
    const found = this.#feeds.get(id) ?? this.#open(id, cursor, end)
    const reader = new EventReader(found.feed, cursor)
    // Counted before anything is waited for: a bound that is looked at early holds no burst.
    this.#readers++
    reader.once('close', () => void this.#readers--)
    found.feed.readers.add(reader)
    try {
      await found.started
    } catch (error) {
      reader.destroy()
      throw error
    }
    this.#beat ??= this.#plan()
    return reader
  }

  #open(id: string, cursor: Cursor, end: FeedOptions['end']): { readonly feed: Feed; readonly started: Promise<void> } {
    const { app, clock } = this.#options
    const onIdle = (): void => {
      if (this.#feeds.get(id)?.feed === feed) this.#feeds.delete(id)
      feed.close()
    }
    const feed = new Feed({ id, app, clock, end, onIdle }, cursor)
    const opened = { feed, started: feed.start() }
    this.#feeds.set(id, opened)
    return opened
  }

  #plan(): Timer {
    const { clock, heartbeatMs } = this.#options
    const beat = (): void => {
      for (const { feed } of this.#feeds.values()) for (const reader of feed.readers) reader.beat()
      this.#beat = this.#feeds.size === 0 ? undefined : this.#plan()
    }
    return clock.after(heartbeatMs, beat, { unref: true })
  }
}

function cursorOf(header: string | string[] | undefined): Cursor | typeof END_ID {
  if (header === undefined || header === '') return START
  if (header === END_ID) return END_ID
  const cursor = readCursor(String(header))
  if (!cursor) throw new LovageError('REQUEST_INVALID', { problem: 'its Last-Event-ID is none of ours' })
  return cursor
}
