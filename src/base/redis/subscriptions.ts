import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { log } from '../log.ts'

/** Channels that go into one command. */
const BATCH = 500

/** What hears channels. */
export interface Hearing {
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channels: readonly string[]): Promise<void>
}

/** The channels that are listened to: those asked for in one turn in one command. */
export class Subscriptions {
  #clock: Clock
  #room: string
  /** Each with what resolves when the server has it. */
  #channels = new Map<string, Promise<void>>()
  #wanted: string[] = []
  #unwanted = new Set<string>()
  #flush: Promise<void> | undefined
  #link: Hearing | undefined

  /** `room` is who speaks in logs. */
  constructor(clock: Clock, room: string) {
    this.#clock = clock
    this.#room = room
  }

  /** Resolves when nothing that is published from now on is missed. */
  add(channel: string, link: Hearing): Promise<void> {
    this.#link = link
    this.#unwanted.delete(channel)
    const there = this.#channels.get(channel)
    if (there) return there
    this.#wanted.push(channel)
    const added = (this.#flush ??= this.#soon())
    this.#channels.set(channel, added)
    added.catch(() => {
      if (this.#channels.get(channel) === added) this.#channels.delete(channel)
    })
    return added
  }

  remove(channel: string): void {
    if (!this.#channels.has(channel)) return
    this.#unwanted.add(channel)
    this.#flush ??= this.#soon()
    this.#flush.catch(() => {})
  }

  /** Listens to the same over a new connection. Gives what is listened to. */
  async attach(link: Hearing): Promise<string[]> {
    this.#link = link
    const channels = [...this.#channels.keys()]
    for (let from = 0; from < channels.length; from += BATCH) await link.subscribe(channels.slice(from, from + BATCH))
    const done = Promise.resolve()
    // One that nobody wants any more by now was unsubscribed from: kept, it would be taken for one that is heard.
    for (const channel of channels) if (this.#channels.has(channel)) this.#channels.set(channel, done)
    return channels
  }

  detach(): void {
    this.#link = undefined
  }

  clear(): void {
    this.#channels.clear()
    this.#wanted = []
    this.#unwanted.clear()
  }

  #soon(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#clock.turn(() => {
        this.#flush = undefined
        this.#send().then(resolve, reject)
      })
    })
  }

  async #send(): Promise<void> {
    const link = this.#link
    const wanted = this.#wanted.filter((channel) => this.#channels.has(channel))
    const unwanted = [...this.#unwanted].filter((channel) => this.#channels.delete(channel))
    this.#wanted = []
    this.#unwanted.clear()
    // Without a connection the next one is told of all that is wanted by then.
    if (!link) return
    const sent: Promise<void>[] = []
    for (let from = 0; from < unwanted.length; from += BATCH) {
      link.unsubscribe(unwanted.slice(from, from + BATCH)).catch((error: unknown) => {
        log('debug', this.#room, 'not unsubscribed', { problem: messageOf(error) })
      })
    }
    for (let from = 0; from < wanted.length; from += BATCH) sent.push(link.subscribe(wanted.slice(from, from + BATCH)))
    await Promise.all(sent)
  }
}
