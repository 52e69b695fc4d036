import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Kept } from '../../base/keeper.ts'
import { log } from '../../base/log.ts'
import {
  type OpenRedisLine,
  openRedisLine,
  type RedisArgument,
  type RedisLine,
  RedisLostError,
  RedisReplyError,
  type RedisScript,
} from '../../base/redis/redis-connection.ts'
import { type RedisFacts, readInfo } from '../../base/redis/redis-info.ts'
import type { RedisUrl } from '../../base/redis/redis-url.ts'
import { MOVES } from './scripts.ts'

/** What a broker needs of its Redis. All of it ends together. */
export interface RedisLink extends Kept {
  readonly facts: RedisFacts
  /** The server tells when a list that we found empty has something. Without that, the broker looks now and then. */
  readonly rings: boolean
  /** Runs a script. Those of one turn go out together, and are run in order. */
  run(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown>
  call(command: string, args: readonly RedisArgument[]): Promise<unknown>
  /**
   * Runs a script on the line for reading: a change of one of the keys, by anybody else, rings the bell once. The script
   * must read each after it has written it. (Servers before 7.2 go by the keys that are named to them, later ones by the
   * keys that the script reads.)
   */
  read(script: RedisScript, args: readonly RedisArgument[], keys: readonly string[]): Promise<unknown>
  /** Hears channels, by pattern. */
  listen(patterns: readonly string[]): Promise<void>
  unlisten(patterns: readonly string[]): Promise<void>
  close(): void
}

export interface RedisLinkOptions {
  readonly url: RedisUrl
  readonly clock: Clock
  readonly timeoutMs: number
  readonly name: string
  readonly silenceMs: number
  /** Goes before every key. */
  readonly prefix: string
  readonly onClosed: (problem: string) => void
  readonly onBell: () => void
  /** A message of a channel that is listened to. */
  readonly onHeard: (pattern: string, channel: string, text: string) => void
}

export type OpenRedisLink = (options: RedisLinkOptions) => Promise<RedisLink>

/** Where the server tells of changed keys. */
const INVALIDATIONS = '__redis__:invalidate'

/** What opens links over such lines. Default: those of this machine's network. */
export function redisLinks(openLine: OpenRedisLine = openRedisLine): OpenRedisLink {
  return (options) => ServerLink.open(options, openLine)
}

/** Up to three connections: one that asks, and from the first reading on one that reads and one that listens. */
class ServerLink implements RedisLink {
  readonly facts: RedisFacts
  #options: RedisLinkOptions
  #openLine: OpenRedisLine
  #asks: RedisLine
  #reading: Promise<Reading> | undefined
  #rings = true
  #isOpen = true

  private constructor(options: RedisLinkOptions, openLine: OpenRedisLine, asks: RedisLine, facts: RedisFacts) {
    this.#options = options
    this.#openLine = openLine
    this.#asks = asks
    this.facts = facts
  }

  static async open(options: RedisLinkOptions, openLine: OpenRedisLine): Promise<ServerLink> {
    const own: { link?: ServerLink } = {}
    const asks = await openLine({ ...options, onClosed: (problem) => own.link?.onEnd(problem) })
    try {
      const facts = readInfo(String(await asks.call('INFO')))
      // Before there are thousands on their way that would each learn that the server does not know them.
      const loads = Object.values(MOVES).map(({ text }) => asks.call('SCRIPT', ['LOAD', text]))
      await Promise.all(loads)
      return (own.link = new ServerLink(options, openLine, asks, facts))
    } catch (error) {
      asks.close()
      throw error
    }
  }

  get isOpen(): boolean {
    return this.#isOpen && this.#asks.isOpen
  }

  get rings(): boolean {
    return this.#rings
  }

  run(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#asks.run(script, [this.#options.prefix, ...args])
  }

  call(command: string, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#asks.call(command, args)
  }

  async read(script: RedisScript, args: readonly RedisArgument[], keys: readonly string[]): Promise<unknown> {
    const { reads } = await this.#openReading()
    const { prefix } = this.#options
    const named = keys.map((key) => prefix + key)
    return await reads.run(script, [prefix, ...args], named)
  }

  async listen(patterns: readonly string[]): Promise<void> {
    const { hears } = await this.#openReading()
    await hears.subscribe([], patterns)
  }

  async unlisten(patterns: readonly string[]): Promise<void> {
    const { hears } = await this.#openReading()
    await hears.unsubscribe([], patterns)
  }

  close(): void {
    this.#isOpen = false
    this.#asks.close()
    this.#reading?.then(closeBoth, () => {})
  }

  onEnd(problem: string): void {
    if (!this.#isOpen) return
    this.close()
    this.#options.onClosed(problem)
  }

  #openReading(): Promise<Reading> {
    if (!this.#isOpen) return Promise.reject(new RedisLostError('the connection was closed'))
    if (this.#reading) return this.#reading
    const reading = this.#beginReading()
    this.#reading = reading
    reading.then(
      (both) => this.#isOpen || closeBoth(both),
      (error: unknown) => this.onEnd(messageOf(error)),
    )
    return reading
  }

  async #beginReading(): Promise<Reading> {
    const options = { ...this.#options, onClosed: (problem: string) => this.onEnd(problem) }
    const hears = await this.#openLine({
      ...options,
      onMessage: (channel, text, pattern) => {
        if (pattern !== undefined) this.#options.onHeard(pattern, channel, text)
        else if (channel === INVALIDATIONS) this.#options.onBell()
      },
    })
    let reads: RedisLine | undefined
    try {
      const id = Number(await hears.call('CLIENT', ['ID']))
      await hears.subscribe([INVALIDATIONS], [])
      reads = await this.#openLine(options)
      await this.#track(reads, id)
      return { hears, reads }
    } catch (error) {
      hears.close()
      reads?.close()
      throw error
    }
  }

  /** Servers before 6, some proxies and some hosts cannot tell of changed keys. */
  async #track(reads: RedisLine, id: number): Promise<void> {
    try {
      await reads.call('CLIENT', ['TRACKING', 'ON', 'REDIRECT', id, 'NOLOOP'])
    } catch (error) {
      if (!(error instanceof RedisReplyError)) throw error
      this.#rings = false
      const { redacted: url } = this.#options.url
      log('warn', 'broker', 'this Redis does not tell of new messages: queues are looked into every second', {
        url,
        version: this.facts.version,
        problem: error.message,
      })
    }
  }
}

interface Reading {
  readonly hears: RedisLine
  readonly reads: RedisLine
}

function closeBoth({ hears, reads }: Reading): void {
  hears.close()
  reads.close()
}
