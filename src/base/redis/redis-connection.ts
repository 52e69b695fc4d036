import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { type Clock, deadline, type Timer } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { clientOptions } from './client-options.ts'
import type { RedisUrl } from './redis-url.ts'

/** The server answered with an error. Never leaves the seam's kind: who asked says what it means. */
export class RedisReplyError extends Error {
  /** Its first word: `OOM`, `READONLY`, `WRONGPASS`, ... */
  readonly code: string

  constructor(message: string) {
    super(message)
    this.name = 'RedisReplyError'
    // Servers before 7 wrap what a command in a script was answered.
    const inner = /^ERR Error running script .*: -?([A-Z]+ .*)$/s.exec(message)?.[1] ?? message
    this.code = /^-?([A-Z]+)\b/.exec(inner)?.[1] ?? 'ERR'
  }
}

/** The connection ended, or never was; what was asked may or may not have been done. */
export class RedisLostError extends Error {}

/** A script that the server runs in one step. */
export class RedisScript {
  readonly text: string
  readonly sha: string

  constructor(text: string) {
    this.text = text
    this.sha = createHash('sha1').update(text).digest('hex')
  }
}

export type RedisArgument = string | number | Buffer

export interface RedisConnectionOptions {
  readonly url: RedisUrl
  readonly clock: Clock
  /** Longest wait for it to be ready. */
  readonly timeoutMs: number
  /** What CLIENT LIST shows. */
  readonly name: string
  /** A server that owes an answer, or is asked for a sign of life, and says nothing for so long is given up. */
  readonly silenceMs: number
  /** Called once, when a connection that was ready has ended. */
  readonly onClosed: (problem: Error) => void
  /** A message of a channel that is subscribed to, with the pattern where there is one. */
  readonly onMessage?: (channel: string, text: string, pattern: string | undefined) => void
}

/** What is needed of a connection to one Redis. */
export interface RedisLine {
  readonly isOpen: boolean
  /** @throws RedisReplyError, RedisLostError */
  call(command: string, args?: readonly RedisArgument[]): Promise<unknown>
  /** Runs a script, and loads it where the server does not know it. */
  run(script: RedisScript, args: readonly RedisArgument[], keys?: readonly RedisArgument[]): Promise<unknown>
  /** As {@link run}, with bytes (a `Buffer`) for each text in the answer. */
  runRaw(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown>
  subscribe(channels: readonly string[], patterns: readonly string[]): Promise<void>
  unsubscribe(channels: readonly string[], patterns: readonly string[]): Promise<void>
  /** Ends it; what is on its way is rejected. */
  close(): void
}

/** Its next step comes as a microtask, without the resource that `queueMicrotask` makes for each. */
const ASKED = Promise.resolve()

/** Opens a connection; a simulator opens one to a model of the server. */
export type OpenRedisLine = (options: RedisConnectionOptions) => Promise<RedisLine>

export const openRedisLine: OpenRedisLine = (options) => RedisConnection.open(options)

/**
 * One connection to one Redis: it does not come back when it is lost, and then every command on its way is rejected.
 * What is asked in one turn of the event loop goes out as one write.
 */
export class RedisConnection implements RedisLine {
  #redis: Redis
  #options: RedisConnectionOptions
  #isOpen = false
  #isCorked = false
  #owed = 0
  #heardMs: number
  /** Bytes that the system has taken from us. */
  #leftUs = 0
  #watch: Timer | undefined
  #problem = 'the connection was closed'
  readonly #onReply = (reply: unknown): unknown => {
    this.#owed--
    return reply
  }

  private constructor(redis: Redis, options: RedisConnectionOptions) {
    this.#redis = redis
    this.#options = options
    this.#heardMs = options.clock.monotonic()
  }

  /**
   * Connects, logs in and chooses the database.
   * @throws RedisReplyError when the server refuses, RedisLostError when it cannot be reached in time
   */
  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    // Only programs that use Redis load the client.
    const { Redis } = await import('ioredis')
    const connection = new RedisConnection(new Redis(await clientOptions(options.url, options.timeoutMs)), options)
    const late = (): Error => new RedisLostError(`no answer within ${options.timeoutMs} ms`)
    try {
      await deadline(options.clock, connection.#begin(), options.timeoutMs, late)
    } catch (error) {
      connection.#destroy(messageOf(error))
      throw error
    }
    return connection
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  call(command: string, args: readonly RedisArgument[] = []): Promise<unknown> {
    return this.#ask('call', command, args)
  }

  run(script: RedisScript, args: readonly RedisArgument[], keys: readonly RedisArgument[] = []): Promise<unknown> {
    return this.#run('call', script, [keys.length, ...keys, ...args])
  }

  runRaw(script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#run('callBuffer', script, [0, ...args])
  }

  async subscribe(channels: readonly string[], patterns: readonly string[]): Promise<void> {
    this.#cork()
    try {
      if (channels.length > 0) await this.#redis.subscribe(...channels)
      if (patterns.length > 0) await this.#redis.psubscribe(...patterns)
    } catch (error) {
      throw this.#errorOf(error)
    }
  }

  async unsubscribe(channels: readonly string[], patterns: readonly string[]): Promise<void> {
    this.#cork()
    try {
      if (channels.length > 0) await this.#redis.unsubscribe(...channels)
      if (patterns.length > 0) await this.#redis.punsubscribe(...patterns)
    } catch (error) {
      throw this.#errorOf(error)
    }
  }

  close(): void {
    this.#isOpen = false
    this.#destroy('the connection was closed')
  }

  #run(how: 'call' | 'callBuffer', script: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#ask(how, 'EVALSHA', [script.sha, ...args], (error) => {
      if (error.code !== 'NOSCRIPT') throw error
      return this.#ask(how, 'EVAL', [script.text, ...args])
    })
  }

  /** Not async: each message passes here twice and more, and each async function on its way costs it promises. */
  #ask(
    how: 'call' | 'callBuffer',
    command: string,
    args: readonly RedisArgument[],
    refused?: (error: RedisReplyError) => Promise<unknown>,
  ): Promise<unknown> {
    if (this.#redis.status !== 'ready') return Promise.reject(new RedisLostError(this.#problem))
    this.#cork()
    this.#owed++
    return this.#redis[how](command, args as RedisArgument[]).then(this.#onReply, (reason: unknown) => {
      this.#owed--
      const error = this.#errorOf(reason)
      if (refused && error instanceof RedisReplyError) return refused(error)
      throw error
    })
  }

  async #begin(): Promise<void> {
    const { url, name, onMessage } = this.#options
    const redis = this.#redis
    redis.on('error', (error: Error) => (this.#problem = messageOf(error)))
    redis.on('end', () => this.#onEnd())
    if (onMessage) {
      redis.on('message', (channel: string, text: string) => onMessage(channel, text, undefined))
      redis.on('pmessage', (pattern: string, channel: string, text: string) => onMessage(channel, text, pattern))
    }
    try {
      await redis.connect()
    } catch (error) {
      throw new RedisLostError(this.#problem === 'the connection was closed' ? messageOf(error) : this.#problem)
    }
    redis.stream.on('data', () => (this.#heardMs = this.#options.clock.monotonic()))
    if (url.password !== undefined) await this.call('AUTH', url.user ? [url.user, url.password] : [url.password])
    if (url.database !== 0) await this.call('SELECT', [url.database])
    else await this.call('PING')
    await this.call('CLIENT', ['SETNAME', name.replace(/[^!-~]/g, '-')]).catch(ignoreReply)
    this.#isOpen = true
    this.#armWatch()
  }

  /** Node writes what a corked socket holds in one go. */
  #cork(): void {
    if (this.#isCorked) return
    const { stream } = this.#redis
    this.#isCorked = true
    stream.cork()
    // After the promises of this turn, so that what they ask for goes along.
    process.nextTick(() =>
      ASKED.then(() => {
        this.#isCorked = false
        stream.uncork()
      }),
    )
  }

  /** Looks several times within the silence that is allowed, so that a dead socket is known soon after it. */
  #armWatch(): void {
    const { clock, silenceMs } = this.#options
    if (silenceMs === 0) return
    this.#watch = clock.after(silenceMs / 4, () => this.#look(), { unref: true })
  }

  #look(): void {
    const { clock, silenceMs } = this.#options
    if (!this.#isOpen) return
    const { bytesWritten, writableLength } = this.#redis.stream
    // What waits here waits because the other side has not taken what is before it: when it grows less, somebody is there.
    const leftUs = bytesWritten - writableLength
    if (writableLength > 0 && leftUs > this.#leftUs) this.#heardMs = clock.monotonic()
    this.#leftUs = leftUs
    const silentMs = clock.monotonic() - this.#heardMs
    if (this.#owed > 0 && silentMs >= silenceMs) return this.#destroy(`no sign of life for ${Math.round(silentMs)} ms`)
    if (this.#owed === 0 && silentMs >= silenceMs / 2) {
      // The silence counts from here: until now nothing was asked.
      this.#heardMs = clock.monotonic() - silenceMs / 2
      this.#owed++
      const settle = (): void => void this.#owed--
      this.#redis.ping().then(settle, settle)
    }
    this.#armWatch()
  }

  #onEnd(): void {
    this.#watch?.cancel()
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.onClosed(new RedisLostError(this.#problem))
  }

  #destroy(problem: string): void {
    this.#problem = problem
    this.#watch?.cancel()
    this.#redis.disconnect()
    // A half-open socket would wait for the other side to hang up as well.
    this.#redis.stream?.destroy()
  }

  #errorOf(error: unknown): Error {
    if (error instanceof Error && error.name === 'ReplyError') return new RedisReplyError(error.message)
    if (this.#redis.status === 'ready') return error as Error
    return new RedisLostError(this.#problem)
  }
}

function ignoreReply(error: unknown): void {
  if (!(error instanceof RedisReplyError)) throw error
}
