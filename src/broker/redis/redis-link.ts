import type { Clock } from '../../base/clock.ts'
import type { Kept } from '../../base/keeper.ts'
import { log } from '../../base/log.ts'
import {
  type OpenRedisLine,
  openRedisLine,
  type RedisArgument,
  type RedisLine,
  RedisReplyError,
  type RedisScript,
} from '../../base/redis/redis-connection.ts'
import type { RedisFacts } from '../../base/redis/redis-info.ts'
import { RedisLines } from '../../base/redis/redis-lines.ts'
import type { RedisUrl } from '../../base/redis/redis-url.ts'
import { DELAY_MOVES } from './delay-words.ts'
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
  readonly onClosed: (problem: Error) => void
  /** What was changed, without the prefix; undefined: anything. */
  readonly onBell: (key: string | undefined) => void
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
  readonly #options: RedisLinkOptions
  readonly #lines: RedisLines
  #reading: Promise<RedisLine> | undefined
  #rings = true

  private constructor(options: RedisLinkOptions, lines: RedisLines) {
    this.#options = options
    this.#lines = lines
    this.facts = lines.facts
  }

  static async open(options: RedisLinkOptions, openLine: OpenRedisLine): Promise<ServerLink> {
    const onMessage = (channel: string, text: string, pattern: string | undefined): void => {
      if (pattern !== undefined) options.onHeard(pattern, channel, text)
      else if (channel === INVALIDATIONS) options.onBell(text === '' ? undefined : text.slice(options.prefix.length))
    }
    const lines = await RedisLines.open(
      { ...options, onMessage, scripts: [...Object.values(MOVES), ...Object.values(DELAY_MOVES)] },
      openLine,
    )
    return new ServerLink(options, lines)
  }

  get isOpen(): boolean {
    return this.#lines.isOpen
  }

  get rings(): boolean {
    return this.#rings
  }

  run(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#lines.run(script, [this.#options.prefix, ...args])
  }

  call(command: string, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#lines.call(command, args)
  }

  async read(script: RedisScript, args: readonly RedisArgument[], keys: readonly string[]): Promise<unknown> {
    const reads = await this.#openReading()
    const { prefix } = this.#options
    const named = keys.map((key) => prefix + key)
    return await reads.run(script, [prefix, ...args], named)
  }

  async listen(patterns: readonly string[]): Promise<void> {
    await this.#openReading()
    await this.#lines.subscribe([], patterns)
  }

  async unlisten(patterns: readonly string[]): Promise<void> {
    await this.#openReading()
    await this.#lines.unsubscribe([], patterns)
  }

  close(): void {
    this.#lines.close()
  }

  #openReading(): Promise<RedisLine> {
    if (this.#reading) return this.#reading
    const reading = this.#beginReading()
    this.#reading = reading
    reading.catch((error: Error) => this.#lines.end(error))
    return reading
  }

  async #beginReading(): Promise<RedisLine> {
    const hears = await this.#lines.listener()
    const id = Number(await hears.call('CLIENT', ['ID']))
    await hears.subscribe([INVALIDATIONS], [])
    const reads = await this.#lines.another()
    await this.#track(reads, id)
    return reads
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
