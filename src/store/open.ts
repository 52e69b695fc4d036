import { type Clock, systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { memoryName, schemeOf } from '../base/url.ts'
import { joinTables, openTables } from '../broker/open.ts'
import { EmbeddedOperations } from './embedded/embedded-operations.ts'
import type { OpenRedisLine } from '../base/redis/redis-connection.ts'
import { isRedisScheme } from '../base/redis/redis-url.ts'
import { MemoryOperations } from './memory/memory-operations.ts'
import { OperationStore } from './operation-store.ts'
import type { Operations } from './operations.ts'
import { parseRedisStoreUrl, RedisOperations } from './redis/redis-operations.ts'
import { storeLinks } from './redis/store-link.ts'
import type { Store } from './store.ts'

/** What every kind of store is told. */
export interface StoreOptions {
  readonly clock?: Clock
  /** Largest value, in bytes (of text, in UTF-8). Default 17 MiB: a message of the largest size, and 1 MiB beside it. */
  readonly maxValueBytes?: number
  /** Longest wait of `start`. Default 5 s. */
  readonly connectTimeoutMs?: number
  /** Longest wait for an answer, reconnects included. Default 5 s. */
  readonly answerTimeoutMs?: number
  /** Data directory of an embedded store whose URL names none. Default: `.lovage` beside the nearest package.json. */
  readonly home?: string | undefined
  /** Redis only: what opens connections. A simulator gives connections to a model of the server. Default: TCP or TLS. */
  readonly openRedisLine?: OpenRedisLine | undefined
}

/**
 * The store of a URL, not started. `embedded://` lies in the durable engine of a data directory (`embedded:///its/path`, or
 * that of the project), shared by all processes of the machine; `memory://<name>` in the memory of this process, shared by
 * all that name it; `redis://`, `rediss://`, `redis+socket://` and `sentinel://` in a Redis, shared by all that reach it.
 * @throws LovageError `URL_UNSUPPORTED`, `OPTION_INVALID`, `CAPABILITY_MISSING` (a Redis Cluster)
 */
export function openStore(url: string, options: StoreOptions = {}): Store {
  const { clock = systemClock, maxValueBytes = 17 * 2 ** 20 } = options
  return new OperationStore(clock, openOperations(url, options), maxValueBytes)
}

/**
 * What a store of this URL does, without the checks of its arguments; not started.
 * @throws LovageError `URL_UNSUPPORTED`, `OPTION_INVALID`, `CAPABILITY_MISSING`
 */
export function openOperations(url: string, options: Omit<StoreOptions, 'maxValueBytes'> = {}): Operations {
  const { clock = systemClock } = options
  const scheme = schemeOf(url)
  if (scheme === 'embedded') return new EmbeddedOperations(openTables(url, options))
  if (scheme === 'memory') return new MemoryOperations(clock, () => joinTables(memoryName(url), clock))
  if (scheme && isRedisScheme(scheme)) {
    const { connectTimeoutMs = 5000, answerTimeoutMs = 5000 } = options
    const timeouts = { connectTimeoutMs, answerTimeoutMs }
    return new RedisOperations({
      url: parseRedisStoreUrl(url),
      clock,
      openLink: storeLinks(options.openRedisLine),
      ...timeouts,
    })
  }
  throw new LovageError('URL_UNSUPPORTED', {
    seam: 'store',
    // What has no scheme is not shown: where its password stands cannot be told.
    scheme: scheme ? `${scheme}://` : 'a URL without scheme',
    known: 'embedded://, memory://, redis://, rediss://, redis+socket://, sentinel://',
  })
}
