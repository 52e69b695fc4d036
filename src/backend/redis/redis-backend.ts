import type { Clock } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { Keeper } from '../../base/keeper.ts'
import { log } from '../../base/log.ts'
import { askKept } from '../../base/redis/ask.ts'
import { RedisReplyError, RedisScript } from '../../base/redis/redis-connection.ts'
import { isLost, isPassing } from '../../base/redis/redis-errors.ts'
import { assertUsable } from '../../base/redis/redis-info.ts'
import { Subscriptions } from '../../base/redis/subscriptions.ts'
import { parseRedisUrl, REDIS_OPTIONS, type RedisUrl } from '../../base/redis/redis-url.ts'
import { JSON_TYPE } from '../../protocol/content.ts'
import type { JsonTypes } from '../../protocol/json.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { decodeResult, writeStoredRecord } from '../../protocol/result-record.ts'
import { type Serializer, typeWritten } from '../../protocol/serializer.ts'
import type { Expectation, ResultBackend } from '../backend.ts'
import { Expectations } from '../expectations.ts'
import type { BackendLink, OpenBackendLink } from './backend-link.ts'
import { LateLooks } from './late-looks.ts'
import { Puts } from './puts.ts'
import { RedisGroups } from './redis-groups.ts'

const WHERE = 'the result backend'

/** A server that owes an answer for so many times as long as who asks waits for it is given up. */
const SILENCES = 3

/** Records fetched at a time: they may be large. */
const BATCH = 100

/** For records that are no text. */
const READ = new RedisScript(String.raw`return redis.call('MGET', unpack(ARGV))`)

/** How a {@link RedisBackend} is made; the defaults are those of `openBackend`. */
export interface RedisBackendOptions {
  readonly url: RedisUrl
  readonly clock: Clock
  readonly openLink: OpenBackendLink
  /** How long an outcome is kept; 0 is for ever. */
  readonly resultExpiresMs: number
  readonly maxPendingResults: number
  readonly connectTimeoutMs: number
  readonly types: JsonTypes
  readonly serializer: Serializer
  /** Content types of results that are read. */
  readonly accept: readonly string[]
}

/**
 * Reads a URL of a Redis for results: as of one for messages, with `global_keyprefix` (as Celery has it, `_` is added
 * unless it ends in one of `:_-.`).
 * @throws LovageError `OPTION_INVALID`, `CAPABILITY_MISSING` (a cluster)
 */
export function parseRedisBackendUrl(text: string): RedisUrl {
  return parseRedisUrl(text, WHERE, REDIS_OPTIONS)
}

/** Results in Redis, under Celery's keys: `celery-task-meta-<id>`. */
export class RedisBackend implements ResultBackend {
  readonly kind = 'redis'
  readonly replyTo = undefined
  readonly groups: RedisGroups
  #options: RedisBackendOptions
  #prefix: string
  #keeper: Keeper<BackendLink>
  #expectations: Expectations
  #subscriptions: Subscriptions
  #looks: LateLooks
  /** The connection over which something was listened to, and read: it is of use, and the user may do it. */
  #proven: BackendLink | undefined
  #puts: Puts
  #starting: Promise<void> | undefined

  constructor(options: RedisBackendOptions) {
    this.#options = options
    const { url, clock, connectTimeoutMs, openLink, maxPendingResults: max, resultExpiresMs } = options
    const { redacted } = url
    const given = url.options.get('global_keyprefix') ?? ''
    const prefix = `${given}${given === '' || /[:_.-]$/.test(given) ? '' : '_'}`
    this.#prefix = `${prefix}celery-task-meta-`
    this.groups = new RedisGroups({
      prefix,
      expiresMs: resultExpiresMs,
      types: options.types,
      isOrdered: !/^(?:false|0|no)$/i.test(url.options.get('result_chord_ordered') ?? ''),
      ask: async (work) => {
        this.#assertOpen()
        return await this.#ask(work)
      },
    })
    this.#keeper = new Keeper<BackendLink>({
      clock,
      room: 'backend',
      url: redacted,
      connectTimeoutMs,
      open: (timeoutMs, onClosed) =>
        openLink({
          url,
          clock,
          timeoutMs,
          name: 'lovage results',
          silenceMs: connectTimeoutMs * SILENCES,
          onClosed,
          onMessage: (channel, text) => this.#heard(channel.slice(this.#prefix.length), text),
        }),
      onUp: (link) => this.#onUp(link),
      onDown: () => this.#subscriptions.detach(),
      fatal: (error) =>
        error instanceof RedisReplyError && !isPassing(error) ? this.#refused(error) : asLovage(error),
      unreachable: (problem) => new LovageError('BACKEND_UNREACHABLE', { url: redacted, problem }),
      closed: () => new LovageError('BROKER_CLOSED'),
      onState: () => {},
    })
    this.#subscriptions = new Subscriptions(clock, 'backend')
    this.#puts = new Puts(resultExpiresMs, (work) => this.#ask(work))
    this.#looks = new LateLooks(clock, (ids) => this.#lookFor(ids))
    // Celery's 0 is for ever; who waits does not.
    const maxAgeMs = resultExpiresMs || 86_400_000
    const onEnd = (id: string): void => this.#subscriptions.remove(this.#prefix + id)
    this.#expectations = new Expectations({ clock, max, maxAgeMs, keepsSettled: false, onEnd })
  }

  get waiting(): number {
    return this.#expectations.waiting
  }

  start(): Promise<void> {
    this.#starting ??= this.#keeper.start().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  async stop(): Promise<void> {
    this.#starting = undefined
    this.#expectations.clear(new LovageError('BROKER_CLOSED'))
    this.#subscriptions.clear()
    this.#looks.clear()
    await this.#keeper.stop()
  }

  async expect(id: string, isNew = false): Promise<Expectation> {
    this.#assertOpen()
    const key = this.#prefix + id
    const isFirst = !this.#expectations.has(id)
    const expectation = this.#expectations.open(id)
    const { kept } = this.#keeper
    if (isNew && isFirst && kept && kept === this.#proven) {
      this.#hearSoon(id, kept)
      return expectation
    }
    try {
      await this.#ask(async (link) => {
        await this.#subscriptions.add(key, link)
        // Read after the subscription: what was stored before it is there, what comes after it is heard.
        if (!isFirst) return
        this.#takeRecord(id, (await this.#fetch(link, [key]))[0])
        this.#proven = link
      })
    } catch (error) {
      expectation.close()
      throw error
    }
    return expectation
  }

  async put(outcome: Outcome): Promise<void> {
    this.#assertOpen()
    const { clock, types, serializer } = this.#options
    const record = writeStoredRecord({ doneAtMs: clock.now(), ...outcome }, { types, serializer })
    await this.#puts.add(this.#prefix + outcome.id, typeof record === 'string' ? record : Buffer.from(record))
  }

  async get(id: string): Promise<Outcome | undefined> {
    this.#assertOpen()
    const [record] = await this.#ask((link) => this.#fetch(link, [this.#prefix + id]))
    return record ? this.#read(record) : undefined
  }

  async forget(id: string): Promise<void> {
    this.#assertOpen()
    this.#expectations.forget(id)
    await this.#ask((link) => link.call('DEL', [this.#prefix + id]))
  }

  /**
   * Listened to while the task is on its way, which takes longer. Should it not: what was stored before is read a moment
   * later, as after each new connection.
   */
  #hearSoon(id: string, link: BackendLink): void {
    this.#subscriptions.keep(this.#prefix + id, link).then(
      () => this.#looks.add(id),
      (error: unknown) => this.#onUnheard([id], link, error),
    )
  }

  #lookFor(ids: readonly string[]): void {
    const link = this.#keeper.kept
    if (!link) return
    // What was heard of was listened to in time.
    const isUnheard = (id: string): boolean => this.#expectations.has(id) && !this.#expectations.latest(id)
    const unheard = ids.filter(isUnheard)
    for (let from = 0; from < unheard.length; from += BATCH) {
      const batch = unheard.slice(from, from + BATCH)
      const keys = batch.map((id) => this.#prefix + id)
      this.#fetch(link, keys).then(
        (records) => batch.forEach((id, i) => isUnheard(id) && this.#takeRecord(id, records[i])),
        (error: unknown) => this.#onUnheard(batch, link, error),
      )
    }
  }

  /** What a connection that is gone has not told, the next one does. */
  #onUnheard(ids: readonly string[], link: BackendLink, error: unknown): void {
    if (isPassing(error)) return this.#keeper.giveUp(link, messageOf(error))
    if (isLost(error) || !link.isOpen) return
    const problem = error instanceof RedisReplyError ? this.#refused(error) : (error as Error)
    for (const id of ids) this.#expectations.fail(id, problem)
  }

  async #onUp(link: BackendLink): Promise<void> {
    assertUsable(link.facts, { room: 'backend', where: WHERE, url: this.#options.url.redacted })
    const keys = await this.#subscriptions.attach(link)
    // What was stored while nobody listened.
    for (let from = 0; from < keys.length; from += BATCH) {
      const batch = keys.slice(from, from + BATCH)
      const records = await this.#fetch(link, batch)
      batch.forEach((key, i) => this.#takeRecord(key.slice(this.#prefix.length), records[i]))
    }
  }

  /** Records by their keys, as bytes. */
  async #fetch(link: BackendLink, keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    if (this.#isBinary)
      return ((await link.runRaw(READ, keys)) as (Buffer | null)[]).map((record) => record ?? undefined)
    const texts = (await link.call('MGET', keys)) as (string | null)[]
    return texts.map((text) => (text === null ? undefined : Buffer.from(text)))
  }

  /** What was told on its channel: a text, which a record in msgpack is none of, so that it must be fetched. */
  #heard(id: string, text: string): void {
    if (!this.#isBinary) return this.#takeRecord(id, Buffer.from(text))
    if (!this.#expectations.has(id)) return
    this.#ask((link) => this.#fetch(link, [this.#prefix + id])).then(
      ([record]) => this.#takeRecord(id, record),
      (error: unknown) => log('error', 'backend', 'result cannot be fetched', { id, error: messageOf(error) }),
    )
  }

  get #isBinary(): boolean {
    return this.#options.serializer === 'msgpack'
  }

  /** A record has no header that says what it is: it is what the settings say, or JSON from before they said so. */
  #read(record: Buffer): Outcome {
    const { serializer, accept } = this.#options
    const contentType = record[0] === 0x7b ? JSON_TYPE : typeWritten(serializer)
    return decodeResult(record, { contentType }, { accept })
  }

  #takeRecord(id: string, record: Buffer | undefined): void {
    if (!record || !this.#expectations.has(id)) return
    try {
      this.#expectations.take({ ...this.#read(record), id }, record.length)
    } catch (error) {
      log('error', 'backend', 'result cannot be read', { id, error: messageOf(error) })
    }
  }

  async #ask<T>(work: (link: BackendLink) => Promise<T>): Promise<T> {
    const { clock, connectTimeoutMs: timeoutMs } = this.#options
    const meaning = (error: unknown): unknown => (error instanceof RedisReplyError ? this.#refused(error) : error)
    return await askKept(this.#keeper, work, { clock, timeoutMs, meaning })
  }

  #refused(error: RedisReplyError): LovageError {
    return new LovageError('BACKEND_REFUSED', { url: this.#options.url.redacted, problem: error.message })
  }

  #assertOpen(): void {
    if (this.#keeper.state === 'stopped') throw new LovageError('BROKER_CLOSED')
  }
}

function asLovage(error: unknown): Error | undefined {
  return error instanceof LovageError ? error : undefined
}
