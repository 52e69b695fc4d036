import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { RedisOptions } from 'ioredis'
import type { RedisUrl } from './redis-url.ts'

/** What the client is told: where to, and to do nothing by itself. Reads the files of a TLS. */
export async function clientOptions(url: RedisUrl, timeoutMs: number): Promise<RedisOptions> {
  const { at, tls } = url
  const secure = tls && {
    rejectUnauthorized: tls.verify,
    ca: tls.caFile && (await readFile(tls.caFile)),
    cert: tls.certFile && (await readFile(tls.certFile)),
    key: tls.keyFile && (await readFile(tls.keyFile)),
    ...(at.kind === 'server' && isIP(at.host) === 0 && { servername: at.host }),
  }
  return {
    // What comes back, and when, is for the one who holds the connection to say: the client retries nothing.
    lazyConnect: true,
    retryStrategy: null,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: timeoutMs,
    // Pushes of RESP3 would come between the answers of the connection that asks.
    protocol: 2,
    ...(secure && { tls: secure as NonNullable<RedisOptions['tls']> }),
    ...(at.kind === 'server' && { host: at.host, port: at.port }),
    ...(at.kind === 'socket' && { path: at.path }),
    ...(at.kind === 'sentinels' && {
      sentinels: [...at.sentinels],
      name: at.masterName,
      ...(at.user !== undefined && { sentinelUsername: at.user }),
      ...(at.password !== undefined && { sentinelPassword: at.password }),
      ...(secure && { enableTLSForSentinelMode: true }),
      sentinelRetryStrategy: null,
    }),
  } as RedisOptions
}
