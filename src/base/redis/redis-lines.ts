import type { Kept } from '../keeper.ts'
import {
  type OpenRedisLine,
  type RedisArgument,
  type RedisConnectionOptions,
  type RedisLine,
  RedisLostError,
  type RedisScript,
} from './redis-connection.ts'
import { type RedisFacts, readInfo } from './redis-info.ts'

export interface RedisLinesOptions extends RedisConnectionOptions {
  /**
   * Loaded before anything is asked: there may be thousands on their way that would each learn that the server does not
   * know them.
   */
  readonly scripts?: readonly RedisScript[]
}

/** What a message of a channel is told to. */
type OnMessage = NonNullable<RedisConnectionOptions['onMessage']>

/**
 * The connections that one user of a Redis has: one that asks, from the first subscription on one that listens, and others
 * where it wants them. All of them end together.
 */
export class RedisLines implements Kept {
  readonly facts: RedisFacts
  readonly #options: RedisConnectionOptions
  readonly #openLine: OpenRedisLine
  readonly #asks: RedisLine
  readonly #others = new Set<RedisLine>()
  #listening: Promise<RedisLine> | undefined
  /** Once it is open. */
  #listens: RedisLine | undefined
  #isOpen = true

  private constructor(options: RedisConnectionOptions, openLine: OpenRedisLine, asks: RedisLine, facts: RedisFacts) {
    this.#options = options
    this.#openLine = openLine
    this.#asks = asks
    this.facts = facts
  }

  /** @throws RedisReplyError, RedisLostError */
  static async open({ scripts = [], ...options }: RedisLinesOptions, openLine: OpenRedisLine): Promise<RedisLines> {
    const own: { lines?: RedisLines } = {}
    const { onMessage: _, ...rest } = options
    const asks = await openLine({ ...rest, onClosed: (problem) => own.lines?.end(problem) })
    try {
      const facts = readInfo(String(await asks.call('INFO')))
      await Promise.all(scripts.map(({ text }) => asks.call('SCRIPT', ['LOAD', text])))
      return (own.lines = new RedisLines(options, openLine, asks, facts))
    } catch (error) {
      asks.close()
      throw error
    }
  }

  get isOpen(): boolean {
    return this.#isOpen && this.#asks.isOpen
  }

  call(command: string, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#asks.call(command, args)
  }

  run(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#asks.run(script, args)
  }

  /** As {@link run}, with bytes for texts in the answer. */
  runRaw(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#asks.runRaw(script, args)
  }

  /**
   * Where the connection is open it is written before what is asked for afterwards: a server that was woken by a message
   * may have had it answered before this process runs again.
   */
  subscribe(channels: readonly string[], patterns: readonly string[] = []): Promise<void> {
    if (this.#listens) return this.#listens.subscribe(channels, patterns)
    return this.listener().then((listens) => listens.subscribe(channels, patterns))
  }

  unsubscribe(channels: readonly string[], patterns: readonly string[] = []): Promise<void> {
    if (this.#listens) return this.#listens.unsubscribe(channels, patterns)
    return this.listener().then((listens) => listens.unsubscribe(channels, patterns))
  }

  /** The connection that listens; opened when it is first wanted. Where it cannot be opened, all end. */
  listener(): Promise<RedisLine> {
    if (this.#listening) return this.#listening
    const { onMessage } = this.#options
    const listening = this.another(onMessage)
    this.#listening = listening
    listening.then(
      (listens) => (this.#listens = listens),
      (error: Error) => this.end(error),
    )
    return listening
  }

  /** One more connection, to the same server. */
  async another(onMessage?: OnMessage): Promise<RedisLine> {
    const { onMessage: _, ...rest } = this.#options
    const options = { ...rest, ...(onMessage && { onMessage }), onClosed: (problem: Error) => this.end(problem) }
    if (!this.#isOpen) throw new RedisLostError('the connection was closed')
    const other = await this.#openLine(options)
    if (!this.#isOpen) {
      other.close()
      throw new RedisLostError('the connection was closed')
    }
    this.#others.add(other)
    return other
  }

  close(): void {
    this.#isOpen = false
    this.#asks.close()
    for (const other of this.#others) other.close()
    this.#others.clear()
  }

  /** They are of no use any more: closes them, and says so. */
  end(problem: Error): void {
    if (!this.#isOpen) return
    this.close()
    this.#options.onClosed(problem)
  }
}
