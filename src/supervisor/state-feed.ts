import type { ServerResponse } from 'node:http'
import { systemClock, type Clock, type Timer } from '../base/clock.ts'
import { faultOf } from './faults.ts'
import type { Operations, ProcessInfo } from './operations.ts'
import type { SupervisorState } from './states.ts'
import { fullNameOf } from './face-acts.ts'

export interface StateFeedOptions {
  readonly clock?: Clock
  /** How many events are kept for those who come again. Default: 1,000. */
  readonly kept?: number
}

/** How a supervisor and all its processes are. */
export interface Snapshot {
  readonly state: { readonly statecode: number; readonly statename: SupervisorState }
  readonly processes: readonly ProcessInfo[]
}

const KEPT = 1_000
/** A stream on which nothing happens is shown to live. */
const HEARTBEAT_MS = 15_000
/** Who reads slower than that is cut off, and comes again with the number of what it has read last. */
const MOST_UNREAD = 2 ** 20

/** What server-sent events are sent with. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // nginx would hold it back until its buffer is full.
  'x-accel-buffering': 'no',
} as const

/**
 * The changes of a supervisor as server-sent events: `process` with each change of a state, `processes` with all of them
 * when groups have come or gone, `supervisor` when it begins to end. Whoever comes with the number of an event that is
 * still kept hears what came after; anybody else hears `processes` first.
 */
export class StateFeed {
  readonly #on: Operations
  readonly #clock: Clock
  readonly #kept: number
  /** Numbers of another supervisor, or of this one before a restart, mean nothing here. */
  readonly #era: string
  readonly #events: string[] = []
  readonly #readers = new Set<ServerResponse>()
  readonly #ends: (() => void)[]
  #last = 0
  #beat: Timer | undefined

  constructor(on: Operations, { clock = systemClock, kept = KEPT }: StateFeedOptions = {}) {
    this.#on = on
    this.#clock = clock
    this.#kept = kept
    this.#era = clock.uuid().slice(0, 8)
    this.#ends = [
      on.onProcessState((change) => this.#tell('process', { ...change, atMs: clock.now(), info: this.#info(change) })),
      on.onChange((what) => {
        if (what === 'groups') this.#tell('processes', this.snapshot())
        else this.#tell('supervisor', this.snapshot().state)
      }),
    ]
  }

  /** As it is now; without processes when the supervisor is ending. */
  snapshot(): Snapshot {
    try {
      return { state: this.#on.getState(), processes: this.#on.getAllProcessInfo() }
    } catch (error) {
      if (!faultOf(error)) throw error
      return { state: { statecode: -1, statename: 'SHUTDOWN' }, processes: [] }
    }
  }

  /** Begins to send events; `lastId` is what `Last-Event-ID` says. */
  join(response: ServerResponse, lastId: string | undefined): void {
    response.writeHead(200, STREAM_HEADERS)
    const after = this.#numberOf(lastId)
    if (after === undefined) response.write(`retry: 1000\n\n${this.#written('processes', this.snapshot())}`)
    else response.write(`retry: 1000\n\n${this.#events.slice(this.#events.length - (this.#last - after)).join('')}`)
    this.#readers.add(response)
    response.once('close', () => {
      this.#readers.delete(response)
      if (this.#readers.size === 0) this.#rest()
    })
    this.#beat ??= this.#nextBeat()
  }

  /** Ends all streams. */
  close(): void {
    for (const end of this.#ends) end()
    this.#rest()
    for (const response of this.#readers) response.end()
  }

  #tell(event: string, data: unknown): void {
    this.#last++
    const text = this.#written(event, data)
    this.#events.push(text)
    if (this.#events.length > this.#kept) this.#events.shift()
    this.#send(text)
  }

  #send(text: string): void {
    for (const response of this.#readers) {
      if (response.writableLength > MOST_UNREAD) response.destroy()
      else response.write(text)
    }
  }

  #written(event: string, data: unknown): string {
    return `id: ${this.#era}-${this.#last}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
  }

  /** undefined: it is none of ours, or what came after it is not kept any more. */
  #numberOf(id: string | undefined): number | undefined {
    const [, era, number] = /^([\da-f]{8})-(\d{1,15})$/.exec(id ?? '') ?? []
    if (era !== this.#era) return undefined
    const after = Number(number)
    return after <= this.#last && after >= this.#last - this.#events.length ? after : undefined
  }

  #info(process: { name: string; group: string }): ProcessInfo | null {
    try {
      return this.#on.getProcessInfo(fullNameOf(process))
    } catch (error) {
      // A supervisor that ends tells no more of it.
      if (faultOf(error)) return null
      throw error
    }
  }

  #nextBeat(): Timer {
    const beat = (): void => {
      this.#send(': \n\n')
      this.#beat = this.#nextBeat()
    }
    return this.#clock.after(HEARTBEAT_MS, beat, { unref: true })
  }

  #rest(): void {
    this.#beat?.cancel()
    this.#beat = undefined
  }
}
