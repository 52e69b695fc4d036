import { resolve } from 'node:path'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import type { Compression } from '../protocol/compression.ts'
import { type Serializer, typeWritten } from '../protocol/serializer.ts'
import { compressionName, contentType, serializerName } from './content-names.ts'
import { checkAll, flag, listOf, oneOf, shown, text, Unfit, wait, whole, type Check, type Checks } from './check.ts'
import {
  type CheckedRoutingSettings,
  type GivenRoutingSettings,
  resolveRouting,
  ROUTING_CHECKS,
  type RoutingSettings,
} from './routing-settings.ts'

import { zoneName, zoneOf } from './time-zone.ts'
import { workerDefaults, type WorkerDefaults } from './worker-defaults.ts'

/** What `lovage(name, settings)` takes. Everything has a default; environment variables win over what stands here. */
export interface GivenSettings extends GivenRoutingSettings {
  /**
   * URL of the broker: `embedded://`, `memory://<name>`, `amqp://user:password@host:port/vhost`, `amqps://...`,
   * `redis://user:password@host:port/database`, `rediss://...`. Environment variable `LOVAGE_BROKER_URL`. Default
   * `embedded://`: durable, for all processes of this machine that have the same `home`.
   */
  readonly broker?: string
  /**
   * URL of the result backend: `rpc://` (results come back over the broker), `embedded://`, `memory://<name>` or
   * `redis://...`. Environment variable `LOVAGE_RESULT_BACKEND`. Default: where the broker is, or `rpc://` over RabbitMQ.
   */
  readonly backend?: string
  /**
   * URL of the store, for state that processes share: `embedded://` or `memory://<name>`. Environment variable
   * `LOVAGE_STORE`. Default: where the broker is, if that is embedded or in memory; else none.
   */
  readonly store?: string
  /**
   * Data directory of `embedded://`. Environment variable `LOVAGE_HOME`. Default: `.lovage` beside the nearest package.json,
   * looked for from the working directory upwards.
   */
  readonly home?: string
  /** Longest wait for the broker's confirmation. Default `'2s'`. */
  readonly publishTimeout?: Duration
  /** Longest wait for the first connection. Default `'5s'`. */
  readonly connectTimeout?: Duration
  /** How long results are kept, and the longest that `get()` waits. Default `'1d'`. */
  readonly resultExpires?: Duration
  /**
   * Results that travel over the broker (`rpc://`) outlive its restart: Celery's `result_persistent`, which is off there.
   * Off is up to a third faster. Default true.
   */
  readonly resultPersistent?: boolean
  /** Tell of each task that is sent, as event `task-sent` of Celery, for who watches the fleet. Default false. */
  readonly sendSentEvent?: boolean
  /**
   * Content types of task bodies that are read, or Celery's names of them: `json`, `msgpack`, `yaml`; never pickle. Default
   * `['application/json']`, and what `taskSerializer` writes.
   */
  readonly acceptContent?: readonly string[]
  /** How the bodies of tasks are written that say nothing of it: `'json'`, `'msgpack'` or `'yaml'`. Default `'json'`. */
  readonly taskSerializer?: Serializer
  /** How the bodies of tasks are packed that say nothing of it: `'gzip'`, `'brotli'`, `'zstd'`. Default: not at all. */
  readonly taskCompression?: Compression
  /** How results are written, where they leave this process; the same for all that write and read them. Default `'json'`. */
  readonly resultSerializer?: Serializer
  /** Content types of results that are read. Default: `acceptContent`, and what `resultSerializer` writes. */
  readonly resultAcceptContent?: readonly string[]
  /** `acksLate` of tasks that say nothing of it: Celery's `task_acks_late`, which is off there. Default true. */
  readonly acksLate?: boolean
  /**
   * Time zone, as `'Asia/Shanghai'`, of times in messages that do not say theirs: an `eta` of a Python with the same setting.
   * All that is sent is UTC and says so. Default `'UTC'`.
   */
  readonly timezone?: string
  /** Without `timezone`: whether such times are UTC, or of the machine's own zone. Default true. */
  readonly enableUtc?: boolean
  /** Options of the workers of this application, where these are not told otherwise. Default: the worker's own. */
  readonly worker?: WorkerDefaults
  /**
   * How dates and bytes are written: `'typed'` as kombu 5.3 and later do, so that they come back as what they were, or
   * `'plain'` for older Pythons: dates as text, bytes refused (`ENCODE_FAILED`). Default `'typed'`.
   */
  readonly jsonTypes?: 'typed' | 'plain'
  /** Largest body that is sent or read, in bytes. Default 16 MiB. */
  readonly maxMessageBytes?: number
  /** Starts of a task that may end in the death of its worker before it is given up. Default 5. Not counted yet. */
  readonly maxDeliveries?: number
  /** Results that are waited for or kept in this process; the oldest settled one goes first. Default 100,000. */
  readonly maxPendingResults?: number
  /** Wait before a retry, for tasks without `retryDelay` and `retryBackoff`. Default `'3m'`, Celery's. */
  readonly defaultRetryDelay?: Duration
  /** Most messages a dead-letter queue keeps; the oldest goes first. Default 10,000. */
  readonly deadLetterMax?: number
  /** How long dead letters are kept. Default `'14d'`. */
  readonly deadLetterAge?: Duration
}

/** Settings as everything reads them: complete, checked, frozen, times in milliseconds. */
export interface Settings extends RoutingSettings {
  readonly broker: string
  readonly backend: string
  /** Undefined: there is none. */
  readonly store: string | undefined
  /** Undefined: the one of the project. */
  readonly home: string | undefined
  readonly publishTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly resultExpiresMs: number
  readonly resultPersistent: boolean
  readonly sendSentEvent: boolean
  readonly acceptContent: readonly string[]
  readonly taskSerializer: Serializer
  readonly taskCompression: Compression | undefined
  readonly resultSerializer: Serializer
  readonly resultAcceptContent: readonly string[]
  readonly acksLate: boolean
  readonly timezone: string
  readonly worker: WorkerDefaults
  readonly jsonTypes: 'typed' | 'plain'
  readonly maxMessageBytes: number
  readonly maxDeliveries: number
  readonly maxPendingResults: number
  readonly defaultRetryDelayMs: number
  readonly deadLetterMax: number
  readonly deadLetterAgeMs: number
}

/** Where settings come from. */
export interface SettingsSource {
  /** Environment variables. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Who gave the settings, for errors: `'code'` (default) or the path of a file. */
  readonly source?: string
}

type OtherSettings = Omit<GivenSettings, keyof GivenRoutingSettings>

type Checked = {
  [Name in keyof OtherSettings]-?: NonNullable<OtherSettings[Name]> extends Duration
    ? number
    : NonNullable<OtherSettings[Name]>
} & CheckedRoutingSettings

/** The environment variable of each setting that has one. */
const ENVIRONMENT = {
  LOVAGE_BROKER_URL: 'broker',
  LOVAGE_RESULT_BACKEND: 'backend',
  LOVAGE_STORE: 'store',
  LOVAGE_HOME: 'home',
} as const

// The value is never shown: it may hold a password that a broken URL does not let us find.
const url: Check<string> = (value) => {
  if (
    typeof value === 'string' &&
    /^[a-z][a-z0-9+.-]*:\/\//i.test(value) &&
    (URL.canParse(value) || value.endsWith('://'))
  )
    return value
  const what = typeof value === 'string' ? 'is not a URL' : `must be a URL, and is ${shown(value)}`
  throw new Unfit(what, 'Write a URL like embedded://, amqp://user:password@localhost:5672/ or rpc://')
}

const folder: Check<string> = (value) => resolve(text(value))

const CHECKS: Checks<Checked> = {
  broker: url,
  backend: url,
  store: url,
  home: folder,
  ...ROUTING_CHECKS,
  publishTimeout: wait,
  connectTimeout: wait,
  resultExpires: wait,
  resultPersistent: flag,
  sendSentEvent: flag,
  acceptContent: listOf(contentType, 1),
  taskSerializer: serializerName,
  taskCompression: compressionName,
  resultSerializer: serializerName,
  resultAcceptContent: listOf(contentType, 1),
  acksLate: flag,
  timezone: zoneName,
  enableUtc: flag,
  worker: workerDefaults,
  jsonTypes: oneOf('typed', 'plain'),
  maxMessageBytes: whole(1),
  maxDeliveries: whole(1),
  maxPendingResults: whole(1),
  defaultRetryDelay: wait,
  deadLetterMax: whole(1),
  deadLetterAge: wait,
}

/** The broker of who names none. */
export const DEFAULT_BROKER = 'embedded://'

/** Brokers that keep results and shared state too. */
const KEEPS_ALL = /^(?:embedded|memory|redis|rediss|redis\+socket|sentinel):/i

/** Where the results of a broker go when nothing else is said: to the same place, where it keeps results. */
export function defaultBackend(broker: string): string {
  return KEEPS_ALL.test(broker) ? broker : 'rpc://'
}

/** Where shared state is kept when nothing else is said: where the broker is, if it keeps any. */
function defaultStore(broker: string): string | undefined {
  return KEEPS_ALL.test(broker) ? broker : undefined
}

/**
 * Settings from the environment, what was given, and defaults, in this order of precedence.
 * @throws LovageError `SETTING_INVALID`, `SETTING_UNKNOWN`
 */
export function resolveSettings(
  given: GivenSettings = {},
  { env = process.env, source = 'code' }: SettingsSource = {},
): Settings {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const fix = "Write an object: { broker: 'amqp://localhost' }"
    throw new LovageError('SETTING_INVALID', {
      option: 'settings',
      source,
      problem: `must be an object, and is ${shown(given)}`,
      fix,
    })
  }
  const code = checkFrom(given, source, {})
  const fromEnv: Partial<Checked> = {}
  for (const [variable, option] of Object.entries(ENVIRONMENT)) {
    const value = env[variable]
    if (value) Object.assign(fromEnv, checkFrom({ [option]: value }, 'environment', { [option]: variable }))
  }
  const chosen = { ...code, ...fromEnv }
  const broker = chosen.broker ?? DEFAULT_BROKER
  const { taskSerializer = 'json', resultSerializer = 'json' } = chosen
  const acceptContent = chosen.acceptContent ?? withType(['application/json'], taskSerializer)
  return Object.freeze({
    broker,
    backend: chosen.backend ?? defaultBackend(broker),
    store: chosen.store ?? defaultStore(broker),
    home: chosen.home,
    ...routingOf(chosen, source),
    publishTimeoutMs: chosen.publishTimeout ?? 2_000,
    connectTimeoutMs: chosen.connectTimeout ?? 5_000,
    resultExpiresMs: chosen.resultExpires ?? 86_400_000,
    resultPersistent: chosen.resultPersistent ?? true,
    sendSentEvent: chosen.sendSentEvent ?? false,
    acceptContent,
    taskSerializer,
    taskCompression: chosen.taskCompression,
    resultSerializer,
    resultAcceptContent: chosen.resultAcceptContent ?? withType(acceptContent, resultSerializer),
    acksLate: chosen.acksLate ?? true,
    timezone: zoneOf(chosen.timezone, chosen.enableUtc),
    worker: chosen.worker ?? {},
    jsonTypes: chosen.jsonTypes ?? 'typed',
    maxMessageBytes: chosen.maxMessageBytes ?? 16 * 2 ** 20,
    maxDeliveries: chosen.maxDeliveries ?? 5,
    maxPendingResults: chosen.maxPendingResults ?? 100_000,
    defaultRetryDelayMs: chosen.defaultRetryDelay ?? 180_000,
    deadLetterMax: chosen.deadLetterMax ?? 10_000,
    deadLetterAgeMs: chosen.deadLetterAge ?? 14 * 86_400_000,
  })
}

function routingOf(chosen: Partial<Checked>, source: string): RoutingSettings {
  try {
    return resolveRouting(chosen)
  } catch (error) {
    if (!(error instanceof Unfit)) throw error
    throw new LovageError('SETTING_INVALID', { option: 'queues', source, problem: error.message, fix: error.fix })
  }
}

/** An application reads what it writes. */
function withType(types: readonly string[], serializer: Serializer): readonly string[] {
  return Object.freeze([...new Set([...types, typeWritten(serializer)])])
}

function checkFrom(given: object, source: string, calledThere: Readonly<Record<string, string>>): Partial<Checked> {
  return checkAll<Checked>(given, CHECKS, {
    unknown: (option, fix) => new LovageError('SETTING_UNKNOWN', { option, source, fix }),
    invalid: (option, problem, fix) =>
      new LovageError('SETTING_INVALID', { option: calledThere[option] ?? option, source, problem, fix }),
  })
}
