import { type Clock, systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { redactUrl } from '../base/redact.ts'
import type { OpenRedisLine } from '../base/redis/redis-connection.ts'
import { isRedisScheme } from '../base/redis/redis-url.ts'
import { memoryName, schemeOf } from '../base/url.ts'
import { AmqpBroker } from './amqp/amqp-broker.ts'
import { parseAmqpUrl } from './amqp/amqp-url.ts'
import type { OpenLink } from './amqp/link.ts'
import { openWireLink } from './amqp/wire-link.ts'
import type { Broker } from './broker.ts'
import { DurableBroker } from './embedded/client/durable-broker.ts'
import { EngineClient } from './embedded/client/engine-client.ts'
import { type KeptResults, type ResultListener, ServedResults } from './embedded/client/kept-results.ts'
import { parseEmbeddedUrl, projectHome } from './embedded/client/embedded-url.ts'
import type { OpenPost } from './embedded/client/post.ts'
import type { EngineServer } from './embedded/owner/engine-server.ts'
import { TablesClient } from './embedded/client/tables-client.ts'
import { EmbeddedBroker } from './embedded/embedded-broker.ts'
import { sharedEngine } from './embedded/shared-engines.ts'
import { RedisBroker } from './redis/redis-broker.ts'
import { redisLinks } from './redis/redis-link.ts'
import { parseRedisBrokerUrl } from './redis/redis-options.ts'

export type { KeptResults, ResultListener } from './embedded/client/kept-results.ts'
export type { EnginePost, OpenPost } from './embedded/client/post.ts'
export type { JournalFile, JournalFiles } from './embedded/journal/journal-files.ts'
export type { EngineServer } from './embedded/owner/engine-server.ts'
export { joinTables } from './embedded/tables/shared-tables.ts'
export {
  type Answer,
  isHarmless,
  type Operation,
  type OperationName,
  type Watchable,
} from './embedded/tables/operation.ts'
export { declareDelays } from './amqp/delay-topology.ts'
export { LinkError } from './amqp/link.ts'
export type {
  ChannelEvents,
  Link,
  LinkChannel,
  LinkDelivery,
  LinkOptions,
  OpenLink,
  QueueDeclaration,
} from './amqp/link.ts'

/** What every kind of broker is told. */
export interface BrokerOptions {
  readonly clock?: Clock
  /** Longest wait for the confirmation of a message, reconnects included. Default 2 s. */
  readonly publishTimeoutMs?: number
  /** Longest wait of `start`. Default 5 s. */
  readonly connectTimeoutMs?: number
  /** Seconds between signs of life on a quiet connection; 0 is none. Default 30. */
  readonly heartbeatS?: number
  /** Largest body that may be published, in bytes. Default 16 MiB. */
  readonly maxMessageBytes?: number
  /** What the broker's own tools show as the connection's name. */
  readonly name?: string
  /** Data directory of an embedded broker whose URL names none. Default: `.lovage` beside the nearest package.json. */
  readonly home?: string | undefined
  /** AMQP only: what opens connections. A simulator gives connections to a model of the server. Default: TCP or TLS. */
  readonly openLink?: OpenLink
  /** Redis only: what opens connections; as `openLink`. */
  readonly openRedisLine?: OpenRedisLine | undefined
  /** Embedded only: what reaches the engine, and runs it. A simulator gives one of its own. Default: this machine's. */
  readonly openPost?: OpenPost
}

/**
 * The broker of a URL, not started. `embedded://` is the durable engine of a data directory (`embedded:///its/path`, or that
 * of the project), shared by all processes of the machine; `memory://<name>` an engine of this process, shared by all that
 * name it; `amqp://` and `amqps://` are RabbitMQ; `redis://`, `rediss://`, `redis+socket://` and `sentinel://` are Redis.
 * @throws LovageError `URL_UNSUPPORTED`, `OPTION_INVALID`, `CAPABILITY_MISSING` (a Redis Cluster)
 */
export function openBroker(url: string, options: BrokerOptions = {}): Broker {
  const scheme = schemeOf(url)
  const clock = options.clock ?? systemClock
  const maxMessageBytes = options.maxMessageBytes ?? 16 * 1024 * 1024
  const publishTimeoutMs = options.publishTimeoutMs ?? 2000
  const connectTimeoutMs = options.connectTimeoutMs ?? 5000
  if (scheme === 'embedded') {
    const { shown, home = options.home ?? projectHome(), sync } = parseEmbeddedUrl(url)
    const { openPost } = options
    const timeouts = { publishTimeoutMs, connectTimeoutMs }
    return new DurableBroker({ url: shown, home, sync, clock, maxMessageBytes, ...timeouts, openPost })
  }
  if (scheme === 'memory') {
    return new EmbeddedBroker({ clock, maxMessageBytes, engine: () => sharedEngine(memoryName(url), clock) })
  }
  if (scheme === 'amqp' || scheme === 'amqps') {
    return new AmqpBroker({
      url: parseAmqpUrl(url),
      clock,
      openLink: options.openLink ?? openWireLink,
      maxMessageBytes,
      publishTimeoutMs,
      connectTimeoutMs,
      heartbeatS: options.heartbeatS ?? 30,
      name: options.name ?? 'lovage',
    })
  }
  if (scheme && isRedisScheme(scheme)) {
    return new RedisBroker({
      url: parseRedisBrokerUrl(url),
      clock,
      openLink: redisLinks(options.openRedisLine),
      maxMessageBytes,
      publishTimeoutMs: options.publishTimeoutMs ?? 2000,
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      heartbeatS: options.heartbeatS ?? 30,
      name: options.name ?? 'lovage',
    })
  }
  throw new LovageError('URL_UNSUPPORTED', {
    seam: 'broker',
    scheme: scheme ? `${scheme}://` : redactUrl(url),
    known: 'embedded://, memory://, amqp://, amqps://, redis://, rediss://, redis+socket://, sentinel://',
  })
}

/** The durable engine itself, for simulators. Loaded by this alone: brokers speak to it, and run it in a thread. */
export async function loadEngineServer(): Promise<typeof EngineServer> {
  return (await import('./embedded/owner/engine-server.ts')).EngineServer
}

/** The data directory that an `embedded://` URL means. @throws LovageError `OPTION_INVALID` */
export function embeddedHome(url: string, home?: string): string {
  return parseEmbeddedUrl(url).home ?? home ?? projectHome()
}

/**
 * The tables of an embedded broker, not started: what its store stands on.
 * @throws LovageError `OPTION_INVALID`
 */
export function openTables(
  url: string,
  options: Pick<BrokerOptions, 'clock' | 'connectTimeoutMs' | 'home'> & { readonly answerTimeoutMs?: number },
): TablesClient {
  const { clock = systemClock, connectTimeoutMs = 5000, answerTimeoutMs = 5000 } = options
  const { shown, home = options.home ?? projectHome(), sync } = parseEmbeddedUrl(url)
  return new TablesClient({ url: shown, home, sync, clock, connectTimeoutMs, answerTimeoutMs })
}

/** What is told to who opens results of an embedded engine. */
export interface KeptResultsOptions extends Pick<BrokerOptions, 'clock' | 'connectTimeoutMs' | 'home'> {
  /** Where it is on the same engine, its connection is used; it must be started first. */
  readonly broker?: Broker
}

/**
 * The results that the engine of an `embedded://` URL keeps, not started. `onResult` hears of those that are watched.
 * @throws LovageError `OPTION_INVALID`
 */
export function openKeptResults(url: string, onResult: ResultListener, options: KeptResultsOptions): KeptResults {
  const { broker, clock = systemClock, connectTimeoutMs = 5000 } = options
  const { shown, home = options.home ?? projectHome(), sync } = parseEmbeddedUrl(url)
  if (broker instanceof DurableBroker && broker.client.home === home) {
    return new ServedResults(broker.client, false, onResult)
  }
  const client = new EngineClient({ url: shown, home, sync, clock, connectTimeoutMs })
  return new ServedResults(client, true, onResult)
}
