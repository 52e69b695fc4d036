import type { Clock } from '../../base/clock.ts'
import type { Kept } from '../../base/keeper.ts'
import {
  type OpenRedisLine,
  openRedisLine,
  type RedisArgument,
  type RedisLine,
  RedisLostError,
  type RedisScript,
} from '../../base/redis/redis-connection.ts'
import { type RedisFacts, readInfo } from '../../base/redis/redis-info.ts'
import type { RedisUrl } from '../../base/redis/redis-url.ts'

/** What a result backend needs of its Redis. All of it ends together. */
export interface BackendLink extends Kept {
  readonly facts: RedisFacts
  run(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown>
  call(command: string, args: readonly RedisArgument[]): Promise<unknown>
  /** Hears channels from now on. */
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channels: readonly string[]): Promise<void>
  close(): void
}

export interface BackendLinkOptions {
  readonly url: RedisUrl
  readonly clock: Clock
  readonly timeoutMs: number
  readonly name: string
  readonly silenceMs: number
  readonly onClosed: (problem: string) => void
  /** A message of a channel that is subscribed to. */
  readonly onMessage: (channel: string, text: string) => void
}

export type OpenBackendLink = (options: BackendLinkOptions) => Promise<BackendLink>

/** What opens links over such lines. Default: those of this machine's network. */
export function backendLinks(openLine: OpenRedisLine = openRedisLine): OpenBackendLink {
  return (options) => ServerLink.open(options, openLine)
}

/** One connection that asks, and from the first subscription on one that listens: workers only ask. */
class ServerLink implements BackendLink {
  readonly facts: RedisFacts
  #options: BackendLinkOptions
  #openLine: OpenRedisLine
  #asks: RedisLine
  #listening: Promise<RedisLine> | undefined
  #isOpen = true

  private constructor(options: BackendLinkOptions, openLine: OpenRedisLine, asks: RedisLine, facts: RedisFacts) {
    this.#options = options
    this.#openLine = openLine
    this.#asks = asks
    this.facts = facts
  }

  static async open(options: BackendLinkOptions, openLine: OpenRedisLine): Promise<ServerLink> {
    const own: { link?: ServerLink } = {}
    const { onMessage: _, ...rest } = options
    const asks = await openLine({ ...rest, onClosed: (problem) => own.link?.onEnd(problem) })
    try {
      const facts = readInfo(String(await asks.call('INFO')))
      return (own.link = new ServerLink(options, openLine, asks, facts))
    } catch (error) {
      asks.close()
      throw error
    }
  }

  get isOpen(): boolean {
    return this.#isOpen && this.#asks.isOpen
  }

  run(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#asks.run(script, args)
  }

  call(command: string, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#asks.call(command, args)
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    const hears = await this.#listen()
    await hears.subscribe(channels, [])
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    const hears = await this.#listen()
    await hears.unsubscribe(channels, [])
  }

  close(): void {
    this.#isOpen = false
    this.#asks.close()
    this.#listening?.then(
      (hears) => hears.close(),
      () => {},
    )
  }

  onEnd(problem: string): void {
    if (!this.#isOpen) return
    this.close()
    this.#options.onClosed(problem)
  }

  #listen(): Promise<RedisLine> {
    if (!this.#isOpen) return Promise.reject(new RedisLostError('the connection was closed'))
    if (this.#listening) return this.#listening
    const { onMessage, ...options } = this.#options
    const listening = this.#openLine({
      ...options,
      onClosed: (problem) => this.onEnd(problem),
      onMessage: (channel, text) => onMessage(channel, text),
    })
    this.#listening = listening
    listening.then(
      (hears) => this.#isOpen || hears.close(),
      (error: Error) => this.onEnd(error.message),
    )
    return listening
  }
}
