// The one stream of this tab: it subscribes to what is on the page, pauses while nobody looks, and comes back by itself.
import { signal } from '@preact/signals'
import { serverNow } from './clock.ts'
import { EventCutter } from './event-stream.ts'
import { query, request, session } from './fetching.ts'

/**
 * `live`: data flows. `paused`: the user has stopped it. `hidden`: the tab is not seen. `broken`: the connection is lost
 * and is tried again.
 */
export type Connection = 'connecting' | 'live' | 'paused' | 'hidden' | 'broken'

export const connection = signal<Connection>('connecting')
/** When the server was last heard, in its own time; undefined: not yet. */
export const lastHeardMs = signal<number | undefined>(undefined)
/** When it is tried again; undefined: it is being tried, or need not be. */
export const retryAtMs = signal<number | undefined>(undefined)
/** How often the connection was lost and came back; each count is a "reconnected". */
export const reconnections = signal(0)
/** Whether the user has stopped the flow. */
export const isPaused = signal(false)

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15_000
/** The server sends at least a comment each 10 s: silence for longer is a dead connection. */
const SILENCE_MS = 25_000
const LESSENING_MS = 3_000

interface Wanted {
  readonly topics: readonly string[]
  readonly params: Readonly<Record<string, string>>
}

/** Where the events of a stream go. */
export interface Listener {
  /** `params`: what the stream was opened with. */
  event(topic: string, data: unknown, params: Readonly<Record<string, string>>): void
  /** The server does not know where we left off: what is shown must be asked for anew. */
  restart(): void
}

export class Stream {
  readonly #listener: Listener
  #wanted: Wanted = { topics: [], params: {} }
  #abort: AbortController | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #lessening: ReturnType<typeof setTimeout> | undefined
  #lastId: string | undefined
  #failures = 0
  #hasLived = false

  constructor(listener: Listener) {
    this.#listener = listener
    document.addEventListener('visibilitychange', () => this.#turn())
    isPaused.subscribe(() => this.#turn())
    session.subscribe((who) => who && this.#turn())
    addEventListener('online', () => this.retry())
  }

  /**
   * What is on the page now. The same as before changes nothing; what is less waits a while, since a page that goes makes
   * place for one that comes.
   */
  want(wanted: Wanted): void {
    clearTimeout(this.#lessening)
    if (JSON.stringify(wanted) === JSON.stringify(this.#wanted)) return
    const isLess = wanted.topics.every((topic) => this.#wanted.topics.includes(topic))
    const isSame = Object.entries(wanted.params).every(([name, value]) => this.#wanted.params[name] === value)
    if (isLess && isSame) this.#lessening = setTimeout(() => this.#take(wanted), LESSENING_MS)
    else this.#take(wanted)
  }

  #take(wanted: Wanted): void {
    this.#wanted = wanted
    this.#lastId = undefined
    this.#close()
    this.#turn()
  }

  /** Tries again at once. */
  retry(): void {
    if (connection.value !== 'broken') return
    this.#close()
    this.#open()
  }

  /** Opens or closes, as it should be now. */
  #turn(): void {
    const rest = isPaused.value ? 'paused' : document.hidden ? 'hidden' : undefined
    if (rest) {
      this.#close()
      connection.value = rest
    } else if (this.#abort === undefined && this.#timer === undefined) {
      if (connection.value !== 'broken') connection.value = 'connecting'
      this.#open()
    }
  }

  #close(): void {
    this.#abort?.abort()
    this.#abort = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    clearTimeout(this.#watchdog)
    retryAtMs.value = undefined
  }

  #open(): void {
    this.#timer = undefined
    retryAtMs.value = undefined
    if (this.#wanted.topics.length === 0 || session.value === null) return
    const abort = new AbortController()
    this.#abort = abort
    this.#read(abort).then(
      () => this.#lost(abort),
      () => this.#lost(abort),
    )
  }

  async #read(abort: AbortController): Promise<void> {
    const headers: Record<string, string> = { accept: 'text/event-stream' }
    if (this.#lastId !== undefined) headers['last-event-id'] = this.#lastId
    const { topics, params } = this.#wanted
    this.#listen(abort)
    const response = await request(`live?${query({ topics: topics.join(','), ...params })}`, {
      headers,
      signal: abort.signal,
      cache: 'no-store',
    })
    if (!response.body) return
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const cutter = new EventCutter()
    for (;;) {
      const { value, done } = await reader.read()
      if (done || abort.signal.aborted) return
      this.#listen(abort)
      this.#heard()
      for (const { name, data, id } of cutter.cut(value)) {
        if (id !== undefined) this.#lastId = id
        this.#tell(name, data, params)
      }
    }
  }

  #tell(name: string, data: string, params: Wanted['params']): void {
    const value: unknown = JSON.parse(data)
    if (name !== 'hello') this.#listener.event(name, value, params)
    else if (this.#failures > 0 && (value as { resumed?: boolean }).resumed !== true) this.#listener.restart()
    if (name === 'hello' && this.#failures > 0) {
      this.#failures = 0
      if (this.#hasLived) reconnections.value += 1
    }
    this.#hasLived = true
  }

  #heard(): void {
    lastHeardMs.value = serverNow()
    connection.value = 'live'
  }

  /** Gives the connection up where nothing comes for long. */
  #listen(abort: AbortController): void {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => abort.abort(), SILENCE_MS)
  }

  #lost(abort: AbortController): void {
    if (this.#abort !== abort) return
    this.#close()
    if (session.value === null) return
    this.#failures += 1
    connection.value = 'broken'
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - 1)) * (0.75 + Math.random() / 2)
    retryAtMs.value = serverNow() + waitMs
    this.#timer = setTimeout(() => this.#open(), waitMs)
  }
}
