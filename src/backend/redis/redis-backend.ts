import type { Clock } from '../../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../../base/errors.ts'
import { Keeper } from '../../base/keeper.ts'
import { log } from '../../base/log.ts'
import { askKept } from '../../base/redis/ask.ts'
import { RedisReplyError, RedisScript } from '../../base/redis/redis-connection.ts'
import { isPassing } from '../../base/redis/redis-errors.ts'
import { assertUsable } from '../../base/redis/redis-info.ts'
import { Subscriptions } from '../../base/redis/subscriptions.ts'
import { parseRedisUrl, REDIS_OPTIONS, type RedisUrl } from '../../base/redis/redis-url.ts'
import { Window } from '../../base/window.ts'
import { JSON_TYPE } from '../../protocol/content.ts'
import type { JsonTypes } from '../../protocol/json.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { decodeResult, encodeStoredRecord } from '../../protocol/result-record.ts'
import { type Serializer, typeWritten } from '../../protocol/serializer.ts'
import type { Expectation, ResultBackend } from '../backend.ts'
import { Expectations } from '../expectations.ts'
import type { BackendLink, OpenBackendLink } from './backend-link.ts'
import { RedisGroups } from './redis-groups.ts'

const WHERE = 'the result backend'

/** A server that owes an answer for so many times as long as who asks waits for it is given up. */
const SILENCES = 3

/** Records fetched at a time: they may be large. */
const BATCH = 100

/** Records that wait until they are stored, at a time. */
const PUTS_AT_ONCE = 2000

/**
 * Stores a record and tells of it in one step, as Celery does in a transaction; a SUCCESS that is there stays. The status
 * is the first member of a record in JSON that Celery wrote, or we; in YAML it stands at the beginning of a line.
 */
const STORE = new RedisScript(String.raw`
local there = redis.call('GET', ARGV[1])
if there then
  local status = string.match(there, '^%s*{%s*"status"%s*:%s*"([^"]*)"')
  if not status then
    status = string.match('\n' .. there, '\nstatus: (%u+)\n')
  end
  if not status then
    local ok, record = pcall(string.byte(there) == 123 and cjson.decode or cmsgpack.unpack, there)
    status = ok and type(record) == 'table' and record.status
  end
  if status == 'SUCCESS' then return 0 end
end
if ARGV[3] == '0' then redis.call('SET', ARGV[1], ARGV[2]) else redis.call('SET', ARGV[1], ARGV[2], 'PX', ARGV[3]) end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
`)

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
  #puts = new Window(PUTS_AT_ONCE, (error) => isLovageError(error, 'BACKEND_UNREACHABLE'))
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
    await this.#keeper.stop()
  }

  async expect(id: string): Promise<Expectation> {
    this.#assertOpen()
    const key = this.#prefix + id
    const isFirst = !this.#expectations.has(id)
    const expectation = this.#expectations.open(id)
    try {
      await this.#ask(async (link) => {
        await this.#subscriptions.add(key, link)
        // Read after the subscription: what was stored before it is there, what comes after it is heard.
        if (isFirst) this.#takeRecord(id, (await this.#fetch(link, [key]))[0])
      })
    } catch (error) {
      expectation.close()
      throw error
    }
    return expectation
  }

  async put(outcome: Outcome): Promise<void> {
    this.#assertOpen()
    const { clock, types, serializer, resultExpiresMs } = this.#options
    const record = encodeStoredRecord({ doneAtMs: clock.now(), ...outcome }, { types, serializer })
    const args = [this.#prefix + outcome.id, Buffer.from(record), Math.ceil(resultExpiresMs)]
    await this.#puts.run(() => this.#ask((link) => link.run(STORE, args)))
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
