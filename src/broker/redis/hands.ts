import { PassingMap } from '../../base/passing.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { RedisArgument } from '../../base/redis/redis-connection.ts'
import { isPassing } from '../../base/redis/redis-errors.ts'
import { restoreTags } from './restore.ts'
import type { RedisLink } from './redis-link.ts'
import { MOVES } from './scripts.ts'

/** Tags that go into one script, so that no script holds the server up for long. */
const BATCH = 1000

/** Signs of life within a lease: some may come late, or be lost, and it still holds. */
const SIGNS = 4

/** A message in our hands, or on its way back. */
export interface Held {
  readonly tag: string
  readonly queue: string
  readonly step: number
  /** It is ours no longer: somebody else has it, or will. */
  readonly onLost: () => void
}

/** `isSeen`: somebody had it. */
type Returned = Held & { readonly isSeen: boolean }

/** A reader that lives as long as its session does. */
export interface Reader {
  readonly name: string
  readonly queues: readonly string[]
}

export interface HandsOptions {
  readonly clock: Clock
  readonly leaseMs: number
  /** Who reads, whose sign of life goes along. */
  readonly readers: () => readonly Reader[]
  /** The connection is there, and of no use. */
  readonly onUseless: (link: RedisLink, problem: string) => void
}

/**
 * What this broker has taken and not settled. The server keeps it under tags of this session (`unacked`); here it is
 * remembered which, so that it can be acknowledged in batches, given back in order, and its lease renewed.
 */
export class Hands {
  /** Who we are, in tags and to other workers. */
  readonly session: string
  readonly leaseMs: number
  #clock: Clock
  #readers: () => readonly Reader[]
  #onUseless: HandsOptions['onUseless']
  #link: RedisLink | undefined
  #held = new PassingMap<string, Held>()
  #lastNumber = 0
  #acks: string[] = []
  /** Scripts on their way that have acknowledgements with them. */
  #carried = new Set<Promise<unknown>>()
  #returns: Returned[] = []
  /** Tags of takings whose answer was lost: what stands under them came to nobody. */
  #orphans: string[] = []
  #isScheduled = false
  #flushing: Promise<void> = Promise.resolve()
  #timer: Timer | undefined
  #heardMs = -Infinity

  constructor({ clock, leaseMs, readers, onUseless }: HandsOptions) {
    this.#clock = clock
    this.#readers = readers
    this.#onUseless = onUseless
    this.session = clock.uuid()
    this.leaseMs = leaseMs
  }

  /** How long ago the server last heard of us. */
  get unheardMs(): number {
    return this.#clock.monotonic() - this.#heardMs
  }

  get tagBase(): string {
    return `${this.session}-`
  }

  /** The numbers of the next so many tags; the first of them. */
  reserve(count: number): number {
    const first = this.#lastNumber + 1
    this.#lastNumber += count
    return first
  }

  tagOf(number: number): string {
    return this.tagBase + String(number).padStart(12, '0')
  }

  add(held: Held): void {
    this.#held.set(held.tag, held)
  }

  has(tag: string): boolean {
    return this.#held.has(tag)
  }

  /** Done with; false when it was not ours. */
  ack(tag: string): boolean {
    if (!this.#held.delete(tag)) return false
    this.#acks.push(tag)
    this.#schedule()
    return true
  }

  /** Back to its queue; false when it was not ours. `isSeen`: somebody had it, so it comes as a redelivery. */
  giveBack(tag: string, isSeen: boolean): boolean {
    const held = this.#held.get(tag)
    if (!held || !this.#held.delete(tag)) return false
    this.#returns.push({ ...held, isSeen })
    this.#schedule()
    return true
  }

  /** Runs a script that takes acknowledgements along: those there are when it is sent need no script of their own. */
  async carry<T>(run: (acks: readonly string[]) => Promise<T>): Promise<T> {
    const acks = this.#acks.splice(0, BATCH)
    const running = run(acks)
    if (acks.length === 0) return await running
    const carried: Promise<unknown> = running
      .catch(() => {
        this.#acks.push(...acks)
        this.#schedule()
      })
      .finally(() => this.#carried.delete(carried))
    this.#carried.add(carried)
    return await running
  }

  /** What is ours under a tag. */
  get(tag: string): Held | undefined {
    return this.#held.get(tag)
  }

  /** Somebody has it in another way: it waits for its time. */
  leave(tag: string): void {
    const held = this.#held.get(tag)
    this.#held.delete(tag)
    held?.onLost()
  }

  /** The answer to a taking was lost. */
  orphan(first: number, count: number): void {
    for (let number = first; number < first + count; number++) this.#orphans.push(this.tagOf(number))
  }

  /** Takes a new connection into use: what was asked over the last one and not answered is asked again. */
  async attach(link: RedisLink): Promise<void> {
    this.#link = link
    await this.flush()
    // The newest first: what is put in front of all last is the next.
    const orphans = this.#orphans.splice(0).toSorted().toReversed()
    await restoreTags(link, orphans, false).catch((error: unknown) => {
      this.#orphans.push(...orphans)
      throw error
    })
    await this.renew()
    this.#arm()
  }

  detach(): void {
    this.#link = undefined
    this.#timer?.cancel()
  }

  /** Resolves when the server knows of all that was settled so far, or the connection is gone. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush())
    return this.#flushing
  }

  /** Gives everything back. */
  async returnAll(): Promise<void> {
    for (const { tag, onLost } of [...this.#held.values()]) {
      this.giveBack(tag, true)
      onLost()
    }
    await this.flush()
  }

  /** Ends the session. */
  async end(): Promise<void> {
    this.#timer?.cancel()
    await this.#link?.run(MOVES.endSession, [this.session])
  }

  /** Tells the server that we are there. What is ours no longer is forgotten. */
  async renew(): Promise<void> {
    const link = this.#link
    if (!link) return
    const readers = this.#readers().flatMap(({ name, queues }) => queues.flatMap((queue) => [queue, name]))
    const tags = [...this.#held.keys()]
    const sinceMs = this.#clock.monotonic()
    for (let from = 0; from === 0 || from < tags.length; from += BATCH) {
      const pairs = from === 0 ? readers : []
      const batch = tags.slice(from, from + BATCH)
      const head: RedisArgument[] = [this.session, this.leaseMs, pairs.length / 2]
      const gone = (await link.run(MOVES.renew, [...head, ...pairs, ...batch])) as string[]
      for (const tag of gone) this.#lose(tag)
    }
    this.#heardMs = sinceMs
  }

  #lose(tag: string): void {
    const held = this.#held.get(tag)
    if (!held || !this.#held.delete(tag)) return
    log('warn', 'broker', 'a message is ours no longer: its lease had run out', { queue: held.queue })
    held.onLost()
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.after(this.leaseMs / SIGNS, () => this.#sign(), { unref: true })
  }

  #sign(): void {
    const link = this.#link
    this.renew()
      .catch((error: unknown) => this.#failed(link, 'leases not renewed', error))
      .finally(() => {
        if (link && this.#link === link) this.#arm()
      })
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.turn(() => {
      this.#isScheduled = false
      // What went along with a taking meanwhile comes back here if it did not get through.
      if (this.#acks.length > 0 || this.#returns.length > 0) void this.flush()
    })
  }

  /** Never rejects: what the server did not answer waits for the next connection. */
  async #flush(): Promise<void> {
    await Promise.all(this.#carried)
    const link = this.#link
    if (!link) return
    const acks = this.#acks
    const returns = this.#returns
    this.#acks = []
    this.#returns = []
    await Promise.all([this.#sendAcks(link, acks), this.#sendReturns(link, returns)])
  }

  async #sendAcks(link: RedisLink, tags: readonly string[]): Promise<void> {
    for (let from = 0; from < tags.length; from += BATCH) {
      const batch = tags.slice(from, from + BATCH)
      try {
        await link.run(MOVES.ack, batch)
      } catch (error) {
        this.#acks.push(...tags.slice(from))
        return this.#failed(link, 'not settled yet', error)
      }
    }
  }

  async #sendReturns(link: RedisLink, returns: readonly Returned[]): Promise<void> {
    if (returns.length === 0) return
    // The newest first: the oldest, put in front of all, is the next then.
    const ordered = returns.toSorted((a, b) => (a.tag < b.tag ? 1 : -1))
    try {
      const seen = ordered.filter(({ isSeen }) => isSeen)
      const unseen = ordered.filter(({ isSeen }) => !isSeen)
      for (let from = 0; from < unseen.length; from += BATCH) {
        const batch = unseen.slice(from, from + BATCH).flatMap(({ tag, queue, step }) => [tag, queue, step])
        await link.run(MOVES.untake, batch)
      }
      const tags = seen.map(({ tag }) => tag)
      await restoreTags(link, tags, true)
    } catch (error) {
      this.#returns.push(...returns)
      this.#failed(link, 'not settled yet', error)
    }
  }

  #failed(link: RedisLink | undefined, what: string, error: unknown): void {
    log('debug', 'broker', what, { problem: messageOf(error) })
    if (link && isPassing(error)) this.#onUseless(link, messageOf(error))
  }
}
