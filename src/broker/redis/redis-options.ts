import type { Clock } from '../../base/clock.ts'
import { LovageError } from '../../base/errors.ts'
import { parseRedisUrl, REDIS_OPTIONS, type RedisUrl } from '../../base/redis/redis-url.ts'
import type { OpenRedisLink } from './redis-link.ts'

const SHORTEST_VISIBILITY_MS = 1000

/** What a Redis URL says of the broker. */
export interface RedisBrokerUrl {
  readonly url: RedisUrl
  /** How long a message may be in somebody's hands without a sign of life before others may have it. Default 1 h. */
  readonly visibilityMs: number
  /** Goes before every key and channel. Default none. */
  readonly prefix: string
  /** Goes before the name of a fanout exchange to make its channel. Default `/<database>.` */
  readonly fanoutPrefix: string
  /** Channels have the routing key in their name. Default true. */
  readonly fanoutPatterns: boolean
}

/** A session that gave no sign of life for so long is gone, as a connection to RabbitMQ is: others get what it held. */
export const LONGEST_LEASE_MS = 60_000

/** How a {@link RedisBroker} is made; the defaults are those of `openBroker`. */
export interface RedisOptions {
  readonly url: RedisBrokerUrl
  readonly clock: Clock
  readonly openLink: OpenRedisLink
  /** Default 60 s; a shorter visibility timeout shortens it. */
  readonly longestLeaseMs?: number
  readonly publishTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly heartbeatS: number
  readonly maxMessageBytes: number
  readonly name: string
}

/**
 * Reads a broker URL: `redis://user:password@host:6379/0?visibility_timeout=3600&global_keyprefix=shop_`. Beside the
 * options of the connection it may have Celery's transport options `visibility_timeout` (seconds), `global_keyprefix`,
 * `fanout_prefix` (a text, or `false`) and `fanout_patterns` (`true` or `false`).
 * @throws LovageError `OPTION_INVALID`, `CAPABILITY_MISSING` (a cluster)
 */
export function parseRedisBrokerUrl(text: string): RedisBrokerUrl {
  const url = parseRedisUrl(text, 'the broker', REDIS_OPTIONS)
  const visibilityMs = Number(url.options.get('visibility_timeout') ?? '3600') * 1000
  if (!(visibilityMs >= SHORTEST_VISIBILITY_MS && visibilityMs <= Number.MAX_SAFE_INTEGER)) {
    throw invalid(url, 'has a visibility_timeout that is no number of seconds from 1 up')
  }
  const fanoutPrefix = url.options.get('fanout_prefix') ?? 'true'
  return {
    url,
    visibilityMs,
    prefix: url.options.get('global_keyprefix') ?? '',
    fanoutPrefix: isYes(fanoutPrefix)
      ? `/${url.database}.`
      : isNo(fanoutPrefix)
        ? ''
        : fanoutPrefix.replace('{db}', String(url.database)),
    fanoutPatterns: !isNo(url.options.get('fanout_patterns') ?? 'true'),
  }
}

function isYes(text: string): boolean {
  return ['true', '1', 'yes'].includes(text.toLowerCase())
}

function isNo(text: string): boolean {
  return ['false', '0', 'no', ''].includes(text.toLowerCase())
}

function invalid({ redacted }: RedisUrl, problem: string): LovageError {
  return new LovageError('OPTION_INVALID', {
    option: 'url',
    where: 'the broker',
    problem: `(${redacted}) ${problem}`,
    fix: 'Write it as redis://host:6379/0?visibility_timeout=3600',
  })
}
