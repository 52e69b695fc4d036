import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import {
  checkAll,
  duration,
  flag,
  listOf,
  shown,
  text,
  Unfit,
  wait,
  whole,
  type Check,
  type Checks,
} from '../app/check.ts'

import { tlsFiles, type TlsFiles } from './tls.ts'

/** What `gateway(app, options)` takes. Everything has a default. */
export interface GatewayOptions {
  /** Port to listen on; 0 takes any that is free. Default 8000. */
  readonly port?: number
  /** Address to listen on. Default `'127.0.0.1'`: nobody outside of this machine reaches it. */
  readonly host?: string
  /**
   * Values of the `Host` header that are answered: `'api.example.com'` (any port), `'api.example.com:8000'`,
   * `'*.example.com'` (every name below it), `'*'` (no check). Besides `localhost`, `127.0.0.1`, `[::1]` and the
   * configured `host`, which always are. Default: none besides these.
   */
  readonly allowedHosts?: readonly string[]
  /**
   * Pages of other origins that may send what changes something, and read what is answered: `'https://app.example.com'`,
   * `'https://*.example.com'`, `'*'` (any, without their cookies). Default: none but those of the gateway's own host.
   */
  readonly allowedOrigins?: readonly string[]
  /**
   * `start()` fails when the broker cannot be reached within `connectTimeout`. Default false: the gateway starts, refuses
   * tasks with 503, and begins to send them once the broker is there.
   */
  readonly requireBroker?: boolean
  /** Speak HTTPS. Default: plain HTTP, for a proxy in front or this machine alone. */
  readonly tls?: TlsFiles
  /** Answer `GET /openapi.json` with a description of the routes. Default false. */
  readonly openapi?: boolean
  /** Longest wait for the result of a task; a route may have its own. Default `'10s'`. */
  readonly timeout?: Duration
  /** Requests that may wait for tasks at a time; more are refused with 503. Default 5,000. */
  readonly maxInFlight?: number
  /** Clients that may read events of tasks at a time; more are refused with 503. Default 1,000. */
  readonly maxReaders?: number
  /** How often a client that reads events is shown that the connection lives, while nothing happens. Default `'15s'`. */
  readonly heartbeat?: Duration
  /**
   * Requests whose task cannot be done within their deadline are refused with 503 at once, and told when to come again:
   * see docs/guide-gateway.md. The gateway then asks workers and broker in the background. Default false.
   */
  readonly refuseLate?: boolean
  /** Largest request body, in bytes; a route may have its own. Default 1 MiB. */
  readonly bodyLimit?: number
  /** Answer `GET /metrics` with counts for Prometheus. Default false: they tell of the inside. */
  readonly metrics?: boolean
  /**
   * How often it tells of itself and of its routes by events, for the dashboard; 0: never. Default `'5s'`. See
   * docs/guide-gateway-operations.md.
   */
  readonly eventInterval?: Duration
  /** Tell clients the type and message of a task's error. Default false: they see the task id only. */
  readonly exposeErrors?: boolean
  /** How long `stop()` lets requests in flight finish before it cuts them. Default `'10s'`. */
  readonly gracePeriod?: Duration
  /** Longest time a client may take to send its headers. Default `'10s'`. */
  readonly headersTimeout?: Duration
  /** Longest time a client may take to send a whole request, body included. Default `'30s'`. */
  readonly requestTimeout?: Duration
  /**
   * How long a connection may show no sign of life while a request is on it: a client that does not read its response
   * must not be waited for. Default `'2m'`; never less than a route may wait for its task.
   */
  readonly connectionTimeout?: Duration
  /** How long a connection without a request is kept open. Default `'65s'`, just longer than nginx keeps its own. */
  readonly keepAliveTimeout?: Duration
  /** Longest request line and headers together, in bytes. Default 16 KiB. */
  readonly maxHeaderSize?: number
  /** Longest path with query, in bytes. Default 8 KiB. */
  readonly maxUrlLength?: number
  /** Longest wait of `/readyz` for the broker. Default `'2s'`. */
  readonly probeTimeout?: Duration
  /** How long an answer of `/readyz` is used again, so that nobody can hammer the broker through it. Default `'1s'`. */
  readonly probeCache?: Duration
}

/** Options as everything reads them: complete, checked, frozen, times in milliseconds. */
export interface ResolvedOptions {
  readonly port: number
  readonly host: string
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly requireBroker: boolean
  readonly tls: TlsFiles | undefined
  readonly openapi: boolean
  readonly timeoutMs: number
  readonly maxInFlight: number
  readonly maxReaders: number
  readonly heartbeatMs: number
  readonly refuseLate: boolean
  readonly bodyLimit: number
  readonly metrics: boolean
  readonly eventIntervalMs: number
  readonly exposeErrors: boolean
  readonly gracePeriodMs: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly connectionTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly maxHeaderSize: number
  readonly maxUrlLength: number
  readonly probeTimeoutMs: number
  readonly probeCacheMs: number
}

type Checked = {
  [Name in keyof GatewayOptions]-?: NonNullable<GatewayOptions[Name]> extends Duration
    ? number
    : NonNullable<GatewayOptions[Name]>
}

const originText: Check<string> = (value) => {
  const origin = text(value)
  if (origin === '*' || origin === 'null' || /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(origin)) return origin
  throw new Unfit(`has ${shown(origin)}, which is no origin`, "Write scheme and host: 'https://app.example.com'")
}

const CHECKS: Checks<Checked> = {
  port: whole(0, 65_535),
  host: text,
  allowedHosts: listOf(text),
  allowedOrigins: listOf(originText),
  requireBroker: flag,
  tls: tlsFiles,
  openapi: flag,
  timeout: wait,
  maxInFlight: whole(1),
  maxReaders: whole(1),
  heartbeat: wait,
  refuseLate: flag,
  bodyLimit: whole(1),
  metrics: flag,
  eventInterval: duration,
  exposeErrors: flag,
  gracePeriod: duration,
  headersTimeout: wait,
  requestTimeout: wait,
  connectionTimeout: wait,
  keepAliveTimeout: wait,
  maxHeaderSize: whole(1024, 2 ** 20),
  maxUrlLength: whole(64, 2 ** 20),
  probeTimeout: wait,
  probeCache: duration,
}

/**
 * Options with the defaults filled in.
 * @throws LovageError `OPTION_INVALID`
 */
export function resolveOptions(given: GatewayOptions = {}): ResolvedOptions {
  const chosen = checkAll<Checked>(given, CHECKS, {
    unknown: (option, fix) => invalid(option, 'is unknown', fix),
    invalid,
  })
  const requestTimeoutMs = chosen.requestTimeout ?? 30_000
  return Object.freeze({
    port: chosen.port ?? 8000,
    host: chosen.host ?? '127.0.0.1',
    allowedHosts: chosen.allowedHosts ?? [],
    allowedOrigins: chosen.allowedOrigins ?? [],
    requireBroker: chosen.requireBroker ?? false,
    tls: chosen.tls,
    openapi: chosen.openapi ?? false,
    timeoutMs: chosen.timeout ?? 10_000,
    maxInFlight: chosen.maxInFlight ?? 5_000,
    maxReaders: chosen.maxReaders ?? 1_000,
    heartbeatMs: chosen.heartbeat ?? 15_000,
    refuseLate: chosen.refuseLate ?? false,
    bodyLimit: chosen.bodyLimit ?? 2 ** 20,
    metrics: chosen.metrics ?? false,
    eventIntervalMs: chosen.eventInterval ?? 5_000,
    exposeErrors: chosen.exposeErrors ?? false,
    gracePeriodMs: chosen.gracePeriod ?? 10_000,
    // Node refuses headers that may take longer than the request they belong to.
    headersTimeoutMs: Math.min(chosen.headersTimeout ?? 10_000, requestTimeoutMs),
    requestTimeoutMs,
    connectionTimeoutMs: chosen.connectionTimeout ?? 120_000,
    keepAliveTimeoutMs: chosen.keepAliveTimeout ?? 65_000,
    maxHeaderSize: chosen.maxHeaderSize ?? 16 * 1024,
    maxUrlLength: chosen.maxUrlLength ?? 8 * 1024,
    probeTimeoutMs: chosen.probeTimeout ?? 2_000,
    probeCacheMs: chosen.probeCache ?? 1_000,
  })
}

/** What a command line may say of a gateway. */
export type ListenOptions = Pick<GatewayOptions, 'port' | 'host' | 'requireBroker' | 'tls'>

/**
 * Options with those of them in place that are given and not undefined.
 * @throws LovageError `OPTION_INVALID`
 */
export function overridden(options: ResolvedOptions, given: ListenOptions): ResolvedOptions {
  const checked = resolveOptions(given)
  const names = (Object.keys(given) as (keyof ListenOptions)[]).filter((name) => given[name] !== undefined)
  return Object.freeze({ ...options, ...Object.fromEntries(names.map((name) => [name, checked[name]])) })
}

/** The error of an option that cannot stand. */
export function invalid(option: string, problem: string, fix: string, where = 'gateway()'): LovageError {
  return new LovageError('OPTION_INVALID', { option, where, problem, fix })
}
