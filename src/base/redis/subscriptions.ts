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

/** The channels that are listened to: those asked for at once in one command. */
export class Subscriptions {
  #clock: Clock
  #room: string
  /** Each with what resolves when the server has it. */
  #channels = new Map<string, Promise<void>>()
  #wanted: string[] = []
  #unwanted = new Set<string>()
  #adding: Promise<void> | undefined
  #isRemoving = false
  #link: Hearing | undefined

  /** `room` is who speaks in logs. */
  constructor(clock: Clock, room: string) {
    this.#clock = clock
    this.#room = room
  }

  /** Resolves when nothing that is published from now on is missed. One that fails is not listened to. */
  add(channel: string, link: Hearing): Promise<void> {
    const added = this.keep(channel, link)
    added.catch(() => {
      if (this.#channels.get(channel) === added) this.#channels.delete(channel)
    })
    return added
  }

  /** The same, and one that was lost with its connection is listened to over the next. */
  keep(channel: string, link: Hearing): Promise<void> {
    this.#link = link
    this.#unwanted.delete(channel)
    const there = this.#channels.get(channel)
    if (there) return there
    this.#wanted.push(channel)
    const added = (this.#adding ??= this.#addSoon())
    this.#channels.set(channel, added)
    return added
  }

  remove(channel: string): void {
    if (!this.#channels.has(channel)) return
    this.#unwanted.add(channel)
    if (this.#isRemoving) return
    this.#isRemoving = true
    // What is added meanwhile takes it along.
    this.#clock.turn(() => {
      this.#isRemoving = false
      this.#sendUnwanted()
    })
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

  /** After the promises of this turn, and before what they send is on its way. */
  #addSoon(): Promise<void> {
    return new Promise((resolve, reject) => {
      process.nextTick(() => {
        this.#adding = undefined
        this.#sendUnwanted()
        this.#sendWanted().then(resolve, reject)
      })
    })
  }

  async #sendWanted(): Promise<void> {
    const link = this.#link
    const wanted = this.#wanted.filter((channel) => this.#channels.has(channel))
    this.#wanted = []
    // Without a connection the next one is told of all that is wanted by then.
    if (!link) return
    const sent: Promise<void>[] = []
    for (let from = 0; from < wanted.length; from += BATCH) sent.push(link.subscribe(wanted.slice(from, from + BATCH)))
    await Promise.all(sent)
  }

  #sendUnwanted(): void {
    if (this.#unwanted.size === 0) return
    const link = this.#link
    const unwanted = [...this.#unwanted].filter((channel) => this.#channels.delete(channel))
    this.#unwanted.clear()
    for (let from = 0; link && from < unwanted.length; from += BATCH) {
      link.unsubscribe(unwanted.slice(from, from + BATCH)).catch((error: unknown) => {
        log('debug', this.#room, 'not unsubscribed', { problem: messageOf(error) })
      })
    }
  }
}
