// What pages read: a topic's newest data as a signal, from a first GET and then from the stream.
import { batch, signal, type ReadonlySignal, type Signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import type { Freshness, Topic } from '../../src/dashboard/api.ts'
import { serverNow } from './clock.ts'
import { get, query, refusalOf, session, type Refusal } from './fetching.ts'
import { connection, Stream } from './stream.ts'

/** One topic as a page sees it. */
export interface Live<T> {
  /** undefined: it has not come yet. */
  readonly data: ReadonlySignal<T | undefined>
  /** Why there is nothing newer. */
  readonly error: ReadonlySignal<Refusal | undefined>
  /** When the data came, in the server's time. */
  readonly atMs: ReadonlySignal<number | undefined>
  /** Asks for it now, beside the stream. */
  reload(): Promise<void>
}

/** What a topic takes besides its name, as the stream names it. */
type Params = Readonly<Record<string, string>>

class Entry implements Live<unknown> {
  readonly data: Signal<unknown> = signal(undefined)
  readonly error = signal<Refusal | undefined>(undefined)
  readonly atMs = signal<number | undefined>(undefined)
  readonly topic: Topic
  readonly path: string
  readonly params: Params
  users = 0

  constructor(topic: Topic, path: string, params: Params) {
    this.topic = topic
    this.path = path
    this.params = params
  }

  take(value: unknown): void {
    batch(() => {
      this.data.value = value
      this.error.value = undefined
      this.atMs.value = serverNow()
    })
  }

  async reload(): Promise<void> {
    try {
      this.take(await get(this.path))
    } catch (error) {
      this.error.value = refusalOf(error)
    }
    replan()
  }

  /** Whether a stream with these parameters tells what is wanted here. */
  isAskedBy(params: Params): boolean {
    return Object.entries(this.params).every(([name, value]) => (params[name] ?? '') === value)
  }

  /** What the server refuses to answer it would refuse to stream, and the whole stream with it. */
  get isStreamed(): boolean {
    const status = this.error.peek()?.status ?? 0
    const isRefused = status >= 400 && status < 500 && status !== 401
    return !isRefused && (this.data.peek() !== undefined || this.error.peek() !== undefined)
  }
}

const entries = new Set<Entry>()

const stream = new Stream({
  event(topic, data, params) {
    // What is still told of the filter, the range or the task before is nothing for who asks for another.
    for (const entry of entries) if (entry.topic === topic && entry.isAskedBy(params)) entry.take(data)
  },
  restart() {
    for (const entry of entries) void entry.reload()
  },
})

/** Tries the lost connection again at once. */
export const retryNow = (): void => stream.retry()

let isPlanned = false
/** Tells the stream what is on the page, once for all that changes in one go. */
function replan(): void {
  if (isPlanned) return
  isPlanned = true
  queueMicrotask(() => {
    isPlanned = false
    const wanted = [...entries].filter((entry) => entry.isStreamed)
    stream.want({
      // Batches go on whatever page is shown, and a page that shows nothing live still shows whether data would flow.
      topics: [...new Set<Topic>(['jobs', ...wanted.map(({ topic }) => topic)])].toSorted(),
      params: Object.assign({}, ...wanted.map(({ params }) => params)) as Params,
    })
  })
}

replan()

// What came while nobody listened is asked for once somebody looks again.
let wasAway = false
connection.subscribe((state) => {
  if (state === 'paused' || state === 'hidden') wasAway = true
  else if (state === 'live' && wasAway) {
    wasAway = false
    for (const entry of entries) void entry.reload()
  }
})

// Whoever logs in sees the page filled.
session.subscribe((who) => {
  if (who) for (const entry of entries) if (entry.error.peek()?.status === 401) void entry.reload()
})

/**
 * The newest of a topic: `useLive<Overview>('overview', { range: '1h' })`. The whole that `GET <topic>` answers, first by
 * that GET and then from the stream; `path` is what to GET where it is not the topic with its parameters.
 */
export function useLive<T extends object>(topic: Topic, params: Params = {}, path?: string): Live<T> {
  const from = path ?? [topic, query(params)].filter(Boolean).join('?')
  const entry = useMemo(() => [...entries].find(({ path }) => path === from) ?? new Entry(topic, from, params), [from])
  useEffect(() => {
    entries.add(entry)
    entry.users += 1
    if (entry.users === 1) void entry.reload()
    replan()
    return () => {
      entry.users -= 1
      if (entry.users === 0) entries.delete(entry)
      replan()
    }
  }, [entry])
  return entry as unknown as Live<T>
}

/** Data that is older than it should be, and why: told by the server, or because the connection is lost. */
export function stalenessOf(live: Live<object>): { readonly asOfMs: number; readonly because: string } | undefined {
  const data = live.data.value as Partial<Freshness> | undefined
  const asOfMs = data?.asOfMs ?? live.atMs.value
  if (asOfMs === undefined) return undefined
  if (data?.staleBecause !== undefined) return { asOfMs, because: data.staleBecause }
  if (connection.value === 'broken') return { asOfMs, because: 'the connection to the dashboard is lost' }
  return undefined
}
