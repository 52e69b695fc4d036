import type { ServerResponse } from 'node:http'
import type { Topic } from '../api.ts'
import type { Asked } from '../read/topics.ts'

/** A client that does not read for so long is cut. */
const STUCK_MS = 60_000

/** One tab that is told of what happens. It is given the newest of each topic when it has read what came before. */
export class LiveClient {
  readonly topics: readonly Topic[]
  readonly asked: Asked
  /** Whether who opened it may still be told. */
  readonly holds: () => boolean
  readonly #response: ServerResponse
  /** The text of each topic that was sent last. */
  readonly #sent = new Map<Topic, string>()
  #wroteAtMs: number
  #readAtMs: number

  constructor(response: ServerResponse, topics: readonly Topic[], asked: Asked, nowMs: number, holds: () => boolean) {
    this.holds = holds
    this.#response = response
    this.topics = topics
    this.asked = asked
    this.#wroteAtMs = this.#readAtMs = nowMs
  }

  get isGone(): boolean {
    return this.#response.destroyed || this.#response.writableEnded
  }

  /** It has read all that it was sent: whatever changes while it has not, it gets the newest of it later. */
  isReady(nowMs: number): boolean {
    if (this.#response.writableLength > 0) return false
    this.#readAtMs = nowMs
    return true
  }

  isStuck(nowMs: number): boolean {
    return this.#response.writableLength > 0 && nowMs - this.#readAtMs > STUCK_MS
  }

  isNews(topic: Topic, text: string): boolean {
    return this.#sent.get(topic) !== text
  }

  /** Tells of topics at once. The last of them alone has the id: who has lost some of them gets all again. */
  tell(news: readonly { readonly topic: Topic; readonly text: string }[], id: string, nowMs: number): void {
    let frame = ''
    for (const [at, { topic, text }] of news.entries()) {
      this.#sent.set(topic, text)
      frame += `${at === news.length - 1 ? `id: ${id}\n` : ''}event: ${topic}\ndata: ${text}\n\n`
    }
    this.#write(frame, nowMs)
  }

  hello(value: unknown, nowMs: number): void {
    this.#write(`retry: 1000\nevent: hello\ndata: ${JSON.stringify(value)}\n\n`, nowMs)
  }

  /** Shows that the connection lives, where nothing was told for so long. */
  beat(everyMs: number, nowMs: number): void {
    if (nowMs - this.#wroteAtMs >= everyMs) this.#write(':\n\n', nowMs)
  }

  end(): void {
    this.#response.end()
  }

  cut(): void {
    this.#response.destroy()
  }

  #write(text: string, nowMs: number): void {
    this.#wroteAtMs = nowMs
    this.#response.write(text)
  }
}
