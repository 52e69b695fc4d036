import { get, type IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'

/** One event, as a client reads it. */
export interface Told {
  readonly id: string | undefined
  readonly event: string
  readonly data: unknown
}

/** A client of server-sent events that reads as fast, or as slowly, as it is asked to. */
export class EventClient {
  readonly response: IncomingMessage
  /** What has come, but for comments. */
  readonly events: Told[] = []
  /** `id:` of the newest that had one. */
  lastId: string | undefined
  comments = 0
  retryMs: number | undefined
  isEnded = false
  #text = ''
  #wake: (() => void) | undefined

  private constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8')
    response.on('data', (text: string) => this.#take(text))
    response.on('error', () => {})
    response.on('close', () => {
      this.isEnded = true
      this.#wake?.()
    })
  }

  /** Connects; resolves when the head of the response is there. */
  static async open(url: string, lastEventId?: string): Promise<EventClient> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { headers, agent: false }, resolve).on('error', reject)
    })
    const client = new EventClient(response)
    onTestFinished(() => client.close())
    return client
  }

  /** Hangs up. */
  close(): void {
    this.response.destroy()
  }

  /** What came with events of this name. */
  data(event = 'part'): unknown[] {
    return this.events.filter((told) => told.event === event).map(({ data }) => data)
  }

  /** Resolves when that holds, looking at everything that comes. */
  async until(holds: (client: this) => boolean): Promise<this> {
    while (!holds(this)) {
      if (this.isEnded) throw new Error(`the events ended after ${this.events.length}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this
  }

  /** Resolves when the server has ended the response, or the connection. */
  async end(): Promise<this> {
    while (!this.isEnded) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this
  }

  #take(text: string): void {
    const blocks = (this.#text + text).split('\n\n')
    this.#text = blocks.pop() as string
    for (const block of blocks) this.#read(block)
    this.#wake?.()
  }

  #read(block: string): void {
    const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]))
    if (fields.has('')) this.comments++
    if (fields.has('retry')) this.retryMs = Number(fields.get('retry'))
    const [event, data, id] = ['event', 'data', 'id'].map((name) => fields.get(name))
    if (id !== undefined) this.lastId = id
    if (event !== undefined) this.events.push({ id, event, data: JSON.parse(data ?? 'null') })
  }
}
