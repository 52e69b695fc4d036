import { type Clock, systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import type { OpenRedisLine } from '../base/redis/redis-connection.ts'
import { isRedisScheme } from '../base/redis/redis-url.ts'
import { memoryName, schemeOf } from '../base/url.ts'
import type { Broker } from '../broker/broker.ts'
import { openKeptResults } from '../broker/open.ts'
import { JSON_TYPE, MAX_BODY_BYTES } from '../protocol/content.ts'
import { type Serializer, typeWritten } from '../protocol/serializer.ts'
import type { ResultBackend } from './backend.ts'
import { EmbeddedBackend, type EmbeddedBackendOptions } from './embedded/embedded-backend.ts'
import { MemoryBackend } from './memory/memory-backend.ts'
import { sharedStore } from './memory/result-store.ts'
import { backendLinks } from './redis/backend-link.ts'
import { parseRedisBackendUrl, RedisBackend } from './redis/redis-backend.ts'
import { RpcBackend } from './rpc/rpc-backend.ts'

/** What every kind of result backend is told. */
export interface BackendOptions {
  /** What results travel over where the backend has no server of its own. The caller starts and stops it. */
  readonly broker: Broker
  readonly clock?: Clock
  /** How long results are kept. Default 1 day. */
  readonly resultExpiresMs?: number
  /** Over the broker only: results outlive its restart. Default true. */
  readonly resultPersistent?: boolean
  /** Most results that are waited for or kept. Default 100,000. */
  readonly maxPendingResults?: number
  /** How dates and bytes in results are written. Default `'typed'`. */
  readonly types?: 'typed' | 'plain'
  /** Over the broker and in Redis: how results are written. Default `'json'`. */
  readonly serializer?: Serializer
  /** Over the broker and in Redis: content types of results that are read. Default JSON, and what `serializer` writes. */
  readonly accept?: readonly string[]
  /** Over the broker: most bytes of a result that came packed. Default 16 MiB. */
  readonly maxBodyBytes?: number
  /** Data directory of an embedded backend whose URL names none. Default: `.lovage` beside the nearest package.json. */
  readonly home?: string | undefined
  /** Embedded and Redis only: longest wait for the engine, or the server. Default 5 s. */
  readonly connectTimeoutMs?: number
  /** Redis only: what opens connections. A simulator gives connections to a model of the server. Default: TCP or TLS. */
  readonly openRedisLine?: OpenRedisLine | undefined
}

/**
 * The result backend of a URL, not started. `embedded://` is the durable engine of a data directory; where it is the
 * broker's too they share a connection, and the broker must be started first. `memory://<name>` is memory of this process, shared by all that name it;
 * `rpc://` sends results back over the broker; `redis://`, `rediss://`, `redis+socket://` and `sentinel://` keep them in a
 * Redis, under Celery's keys.
 * @throws LovageError `URL_UNSUPPORTED`, `OPTION_INVALID`, `CAPABILITY_MISSING` (a Redis Cluster)
 */
export function openBackend(url: string, options: BackendOptions): ResultBackend {
  const {
    broker,
    clock = systemClock,
    resultExpiresMs = 86_400_000,
    resultPersistent = true,
    maxPendingResults = 100_000,
    types = 'typed',
    serializer = 'json',
    accept = [JSON_TYPE, typeWritten(serializer)],
    maxBodyBytes = MAX_BODY_BYTES,
  } = options
  const form = { types, serializer, accept }
  const scheme = schemeOf(url)
  if (scheme === 'memory') {
    const store = (): ReturnType<typeof sharedStore> => sharedStore(memoryName(url), clock, maxPendingResults)
    return new MemoryBackend({ clock, store, resultExpiresMs, maxPendingResults, types })
  }
  if (scheme === 'embedded') {
    const { home, connectTimeoutMs } = options
    const results: EmbeddedBackendOptions['results'] = (onResult) =>
      openKeptResults(url, onResult, {
        broker,
        clock,
        ...(home && { home }),
        ...(connectTimeoutMs && { connectTimeoutMs }),
      })
    return new EmbeddedBackend({ clock, results, resultExpiresMs, maxPendingResults, types })
  }
  if (scheme === 'rpc') {
    const kept = { resultExpiresMs, resultPersistent, maxPendingResults }
    return new RpcBackend({ broker, clock, ...kept, ...form, maxBodyBytes })
  }
  if (scheme && isRedisScheme(scheme)) {
    const { connectTimeoutMs = 5000 } = options
    const redis = { url: parseRedisBackendUrl(url), openLink: backendLinks(options.openRedisLine), connectTimeoutMs }
    return new RedisBackend({ ...redis, clock, resultExpiresMs, maxPendingResults, ...form })
  }
  throw new LovageError('URL_UNSUPPORTED', {
    seam: 'result backend',
    // What has no scheme is not shown: where its password stands cannot be told.
    scheme: scheme ? `${scheme}://` : 'a URL without scheme',
    known: 'embedded://, memory://, rpc://, redis://, rediss://, redis+socket://, sentinel://',
  })
}
