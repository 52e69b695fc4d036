import { type Call, Calls } from '../../base/calls.ts'
import type { Clock } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { Keeper } from '../../base/keeper.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { askKept } from '../../base/redis/ask.ts'
import { type RedisArgument, RedisReplyError } from '../../base/redis/redis-connection.ts'
import { isFull, isLost, isPassing, isRefusal } from '../../base/redis/redis-errors.ts'
import { assertUsable } from '../../base/redis/redis-info.ts'
import { parseRedisUrl, REDIS_OPTIONS, type RedisUrl } from '../../base/redis/redis-url.ts'
import {
  type Answer,
  isHarmless,
  type Operation,
  type OperationName,
  type Operations,
  type Watchable,
} from '../operations.ts'
import { peek } from './due-scripts.ts'
import { STEPS } from './steps.ts'
import type { OpenStoreLink, StoreLink } from './store-link.ts'
import { Watches } from './watches.ts'

const WHERE = 'the store'

/** A server that owes an answer for so many times as long as who asks waits for it is given up. */
const SILENCES = 3

const SCRIPTS = [...Object.values(STEPS).map(({ script }) => script), peek]

/** How {@link RedisOperations} are made. */
export interface RedisStoreOptions {
  readonly url: RedisUrl
  readonly clock: Clock
  readonly openLink: OpenStoreLink
  readonly connectTimeoutMs: number
  /** Longest wait for an answer, reconnects included. */
  readonly answerTimeoutMs: number
}

/**
 * Reads a URL of a Redis for the store: as of one for messages; `global_keyprefix` stands before every key.
 * @throws LovageError `OPTION_INVALID`, `CAPABILITY_MISSING` (a cluster)
 */
export function parseRedisStoreUrl(text: string): RedisUrl {
  return parseRedisUrl(text, WHERE, REDIS_OPTIONS)
}

interface Asked {
  readonly operation: Operation
  readonly args: readonly RedisArgument[]
}

/** State in a Redis, each operation one script, under keys that begin with `lovage:1:`. */
export class RedisOperations implements Operations {
  readonly kind = 'redis'
  readonly #options: RedisStoreOptions
  readonly #prefix: string
  readonly #keeper: Keeper<StoreLink>
  readonly #lifecycle = new Lifecycle(() => new LovageError('STORE_CLOSED'))
  readonly #calls: Calls<Asked, Answer>
  readonly #watches: Watches
  #link: StoreLink | undefined
  #isClosing = false

  constructor(options: RedisStoreOptions) {
    this.#options = options
    const { url, clock, connectTimeoutMs, answerTimeoutMs, openLink } = options
    this.#prefix = `${url.options.get('global_keyprefix') ?? ''}lovage:1:`
    this.#calls = new Calls({
      clock,
      timeoutMs: answerTimeoutMs,
      late: () => this.#keeper.noAnswer(answerTimeoutMs),
      full: (problem) => this.#unreachable(problem),
    })
    this.#watches = new Watches(clock, this.#prefix, (key) => this.#peek(key))
    this.#keeper = new Keeper<StoreLink>({
      clock,
      room: 'store',
      url: url.redacted,
      connectTimeoutMs,
      open: (timeoutMs, onClosed) =>
        openLink({
          url,
          clock,
          timeoutMs,
          name: 'lovage store',
          silenceMs: answerTimeoutMs * SILENCES,
          scripts: SCRIPTS,
          onClosed,
          onMessage: (channel, text) => this.#watches.hear(channel, text),
        }),
      onUp: (link) => this.#onUp(link),
      onDown: () => this.#onDown(),
      fatal: (error) => this.#fatal(error),
      unreachable: (problem) => this.#unreachable(problem),
      closed: () => new LovageError('STORE_CLOSED'),
      onState: () => {},
    })
  }

  start(): Promise<void> {
    return this.#lifecycle.start(async () => {
      this.#isClosing = false
      await this.#keeper.start()
    })
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop(async (running) => {
      this.#isClosing = true
      if (this.#link) await this.#calls.untilIdle()
      await this.#keeper.stop()
      this.#onDown()
      await running.catch(() => {})
      this.#calls.failAll(this.#unreachable('it was stopped before it had answered'))
      this.#watches.clear()
    })
  }

  async apply<Name extends OperationName>(operation: Operation<Name>): Promise<Answer<Name>> {
    this.#assertOpen()
    const step = STEPS[operation.op]
    const args = [this.#prefix, operation.key, ...step.args(operation as never)]
    const { call, answered } = this.#calls.open({ operation: operation as Operation, args })
    if (this.#link) this.#say(this.#link, call)
    else this.#calls.later(call)
    return answered as Promise<Answer<Name>>
  }

  async watch(what: Watchable, key: string, watcher: () => void): Promise<() => void> {
    this.#assertOpen()
    const { clock, answerTimeoutMs: timeoutMs } = this.#options
    const own = { end: (): void => {}, isLate: false }
    const add = async (link: StoreLink): Promise<void> => {
      own.end = await this.#watches.add(link, what, key, watcher)
      if (own.isLate) own.end()
    }
    try {
      await askKept(this.#keeper, add, { clock, timeoutMs, meaning: (error) => this.#meaning(error) })
    } catch (error) {
      own.isLate = true
      throw error
    }
    return own.end
  }

  async #onUp(link: StoreLink): Promise<void> {
    assertUsable(link.facts, { room: 'store', where: WHERE, url: this.#options.url.redacted })
    await this.#watches.attach(link)
    this.#link = link
    for (const call of this.#calls.takeUnsaid()) this.#say(link, call)
    this.#watches.tellAll()
  }

  #onDown(): void {
    this.#link = undefined
    this.#watches.detach()
  }

  #say(link: StoreLink, call: Call<Asked, Answer>): void {
    const { operation, args } = call.asked
    const { op, key } = operation
    const step = STEPS[op]
    link.runRaw(step.script, args).then(
      (reply) => {
        if (this.#calls.isOver(call)) return
        try {
          const answer = step.answer(reply as never, operation as never)
          if (op === 'take') this.#watches.known(key, (answer as Answer<'take'>).nextInMs)
          call.settle(answer)
        } catch (error) {
          call.fail(error as Error)
        }
      },
      (error: unknown) => this.#onFailed(link, call, error),
    )
  }

  #onFailed(link: StoreLink, call: Call<Asked, Answer>, error: unknown): void {
    if (isPassing(error)) this.#keeper.giveUp(link, messageOf(error))
    const isUndone = isPassing(error) || (isLost(error) && isHarmless(call.asked.operation))
    if (!isUndone) return call.fail(this.#meaning(error))
    if (this.#link && this.#link !== link) this.#say(this.#link, call)
    else this.#calls.later(call)
  }

  async #peek(key: string): Promise<number> {
    const link = this.#link ?? (await this.#keeper.connected(this.#options.answerTimeoutMs))
    return Number(await link.runRaw(peek, [this.#prefix, key]))
  }

  /** What a failure means for who asked. */
  #meaning(error: unknown): Error {
    if (error instanceof LovageError) return error
    const { redacted: url } = this.#options.url
    const problem = messageOf(error)
    if (isFull(error)) return new LovageError('STORE_FULL', { problem })
    if (error instanceof RedisReplyError) return new LovageError('STORE_REFUSED', { url, problem })
    return this.#unreachable('the connection was lost before it had answered')
  }

  #fatal(error: unknown): Error | undefined {
    return error instanceof LovageError || isRefusal(error) ? this.#meaning(error) : undefined
  }

  #unreachable(problem: string): LovageError {
    return new LovageError('STORE_UNREACHABLE', { url: this.#options.url.redacted, problem })
  }

  #assertOpen(): void {
    if (this.#isClosing || this.#keeper.state === 'stopped' || this.#keeper.state === 'connecting') {
      throw new LovageError('STORE_CLOSED')
    }
  }
}
