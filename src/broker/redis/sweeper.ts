import type { Clock, Timer } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { Hands } from './hands.ts'
import { isLost } from '../../base/redis/redis-errors.ts'
import type { RedisLink } from './redis-link.ts'
import { type Entry, restore, restoreTags } from './restore.ts'
import { MOVES } from './scripts.ts'

/** Messages restored in one step: they may be large. */
const BATCH = 50

/** Longest and shortest wait between two sweeps. */
const LONGEST_MS = 15_000
const SHORTEST_MS = 250

/**
 * How long kombu's lock outlives us, should we die with it. kombu's workers take it for five minutes, in which nobody
 * restores; two who restore at a time harm nobody here, as each move is one step and is made once.
 */
const LOCK_MS = 5000

/**
 * Brings back what nobody holds any more: messages whose lease has run out, which kombu's workers do as well, and those of
 * a Lovage process that is gone, which need not wait for that, nor for kombu's lock: no kombu worker touches them.
 */
export class Sweeper {
  #clock: Clock
  #hands: Hands
  #visibilityMs: number
  #prefix: string
  #link: RedisLink | undefined
  #timer: Timer | undefined
  /** Before it, what seems to be gone may only be as new to this connection as we are, or as late. */
  #graceEndMs = 0

  constructor(clock: Clock, hands: Hands, visibilityMs: number, prefix: string) {
    this.#clock = clock
    this.#hands = hands
    this.#visibilityMs = visibilityMs
    this.#prefix = prefix
  }

  attach(link: RedisLink): void {
    if (this.#link === link) return
    this.#link = link
    this.#graceEndMs = this.#clock.monotonic() + this.#hands.leaseMs
    this.#arm()
  }

  detach(): void {
    this.#link = undefined
    this.#timer?.cancel()
  }

  #arm(): void {
    this.#timer?.cancel()
    const periodMs = Math.max(SHORTEST_MS, Math.min(LONGEST_MS, this.#hands.leaseMs / 4))
    // Not all at one time: those that find the lock taken have come for nothing.
    const waitMs = periodMs * (0.5 + this.#clock.random())
    this.#timer = this.#clock.after(waitMs, () => this.#tick(), { unref: true })
  }

  #tick(): void {
    const link = this.#link
    if (!link) return
    this.#sweep(link)
      .catch((error: unknown) => {
        if (!isLost(error)) log('warn', 'broker', 'sweep failed', { problem: messageOf(error) })
      })
      .finally(() => {
        if (this.#link === link) this.#arm()
      })
  }

  async #sweep(link: RedisLink): Promise<void> {
    const { leaseMs, unheardMs } = this.#hands
    // When we are late ourselves, the machine stood still, and others may be as late as we are: let them speak first.
    if (unheardMs > leaseMs / 2) this.#graceEndMs = this.#clock.monotonic() + leaseMs
    if (this.#clock.monotonic() < this.#graceEndMs) return
    await this.#buryLapsed(link)
    const token = this.#clock.uuid()
    const lock = `${this.#prefix}unacked_mutex`
    if ((await link.call('SET', [lock, token, 'NX', 'PX', LOCK_MS])) === null) return
    try {
      await this.#restoreExpired(link)
    } finally {
      await link.run(MOVES.unlock, [token])
    }
  }

  async #restoreExpired(link: RedisLink): Promise<void> {
    let stuck = 0
    let restored = 0
    for (;;) {
      const list = (await link.run(MOVES.expired, [this.#visibilityMs, BATCH, stuck])) as string[]
      const entries: Entry[] = []
      for (let i = 0; i < list.length; i += 3) {
        const [tag, score, entry] = list.slice(i, i + 3) as [string, string, string]
        // Ours are in our hands: a renewal that is late is no reason to run them twice.
        if (this.#hands.has(tag)) stuck++
        else entries.push({ tag, score, entry, isSeen: true })
      }
      stuck += await restore(link, entries)
      restored += entries.length
      if (list.length < BATCH * 3) break
    }
    if (restored > 0) log('info', 'broker', 'messages restored: their leases had run out', { count: restored })
  }

  async #buryLapsed(link: RedisLink): Promise<void> {
    for (const session of (await link.run(MOVES.lapsed, [])) as string[]) {
      if (session === this.#hands.session) continue
      const tags = await this.#tagsOf(session, link)
      await restoreTags(link, tags, true)
      await link.run(MOVES.endSession, [session, 'lapsed'])
      if (tags.length > 0) log('info', 'broker', 'messages of a process that is gone restored', { count: tags.length })
    }
  }

  /** Newest first. */
  async #tagsOf(session: string, link: RedisLink): Promise<string[]> {
    const tags: string[] = []
    let cursor = '0'
    do {
      const asked = [`${this.#prefix}unacked`, cursor, 'MATCH', `${session}-*`, 'COUNT', 200]
      const [next, pairs] = (await link.call('HSCAN', asked)) as [string, string[]]
      for (let i = 0; i < pairs.length; i += 2) tags.push(pairs[i] as string)
      cursor = next
    } while (cursor !== '0')
    return [...new Set(tags)].toSorted().toReversed()
  }
}
