import { resolve } from 'node:path'
import { checkAll, duration, flag, listOf, text, wait, whole, type Check, type Checks } from '../app/check.ts'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { type DashboardToken, type DashboardUser, tokens, users } from './auth-users.ts'
import { redactOptions, type RedactOptions } from './redact-rules.ts'

/** What `dashboard(app, options)` takes. Everything has a default. */
export interface DashboardOptions {
  /** Port to listen on; 0 takes any that is free. Default 5555, Flower's. */
  readonly port?: number
  /** Address to listen on. Default `'127.0.0.1'`: nobody outside of this machine reaches it. */
  readonly host?: string
  /** Values of the `Host` header that are answered, besides `localhost`, `127.0.0.1`, `[::1]` and `host`. Default: none. */
  readonly allowedHosts?: readonly string[]
  /** Folder of what outlives a restart. Default: `dashboard` in the home of the application, `.lovage/dashboard`. */
  readonly data?: string
  /** Most tasks that are held, of those that were heard of last. Default 200,000. */
  readonly maxTasks?: number
  /** Most memory for the texts of these (arguments, results, tracebacks), in bytes. Default 256 MiB. */
  readonly maxTextBytes?: number
  /** Most that is kept on disk, in bytes; 0: nothing. The oldest goes first. Default 512 MiB. */
  readonly historyBytes?: number
  /** How long it is kept there. Default `'7d'`. */
  readonly historyAge?: Duration
  /** A worker, gateway or queue that nobody has heard of for so long leaves pages and metrics. Default `'1h'`. */
  readonly forgetAfter?: Duration
  /** How often workers, queues, schedules and hosts are asked while somebody looks. Default `'3s'`. */
  readonly pollInterval?: Duration
  /** Browser tabs that may be told of what happens at a time; more are refused with 503. Default 200. */
  readonly maxClients?: number
  /** Who may log in; none, and no tokens: nobody need. Default: none. */
  readonly users?: readonly DashboardUser[]
  /** Programs that may ask. Default: none. */
  readonly tokens?: readonly DashboardToken[]
  /** A file of JSON with more of both: `{ "users": [...], "tokens": [...] }`. Default: none. */
  readonly usersFile?: string
  /** Answer on an address that others reach too although nobody need log in. Default false: it is refused. */
  readonly insecure?: boolean
  /** How long a login holds; two hours without a request end it in any case. Default `'12h'`. */
  readonly sessionAge?: Duration
  /** Browsers send the cookie of a login over HTTPS alone: for a proxy in front that speaks it. Default false. */
  readonly secureCookies?: boolean
  /** Pages of other origins that may act here: `'https://ops.example.com'`. Default: none but those of its own host. */
  readonly allowedOrigins?: readonly string[]
  /** Names and tasks whose arguments and results nobody sees, beside the usual names of secrets. Default: none. */
  readonly redact?: RedactOptions
  /** Largest size of the audit log, in bytes; the older half goes. Default 16 MiB. */
  readonly auditBytes?: number
  /** Nothing can be changed from here, by nobody. Default false. */
  readonly readOnly?: boolean
  /** Answer Flower's paths (`/api/workers`, ...) although nobody need log in. Default false, as in Flower. */
  readonly unauthenticatedApi?: boolean
  /** Answer `/metrics` to everybody although people must log in. Default false. */
  readonly publicMetrics?: boolean
}

/** Options as everything reads them: complete, checked, frozen, times in milliseconds. */
export interface ResolvedOptions {
  readonly port: number
  readonly host: string
  readonly allowedHosts: readonly string[]
  /** Undefined: of the application. */
  readonly data: string | undefined
  readonly maxTasks: number
  readonly maxTextBytes: number
  readonly historyBytes: number
  readonly historyAgeMs: number
  readonly forgetAfterMs: number
  readonly pollIntervalMs: number
  readonly maxClients: number
  readonly users: readonly DashboardUser[]
  readonly tokens: readonly DashboardToken[]
  readonly usersFile: string | undefined
  readonly insecure: boolean
  readonly sessionAgeMs: number
  readonly secureCookies: boolean
  readonly allowedOrigins: readonly string[]
  readonly redact: RedactOptions
  readonly auditBytes: number
  readonly readOnly: boolean
  readonly unauthenticatedApi: boolean
  readonly publicMetrics: boolean
}

type Checked = {
  [Name in keyof DashboardOptions]-?: NonNullable<DashboardOptions[Name]> extends Duration
    ? number
    : NonNullable<DashboardOptions[Name]>
}

const folder: Check<string> = (value) => resolve(text(value))

const CHECKS: Checks<Checked> = {
  port: whole(0, 65_535),
  host: text,
  allowedHosts: listOf(text),
  data: folder,
  maxTasks: whole(100, 5_000_000),
  maxTextBytes: whole(2 ** 20),
  historyBytes: whole(0),
  historyAge: wait,
  forgetAfter: duration,
  pollInterval: wait,
  maxClients: whole(1),
  users,
  tokens,
  usersFile: folder,
  insecure: flag,
  sessionAge: wait,
  secureCookies: flag,
  allowedOrigins: listOf(text),
  redact: redactOptions,
  auditBytes: whole(64 * 1024),
  readOnly: flag,
  unauthenticatedApi: flag,
  publicMetrics: flag,
}

/**
 * Options with the defaults filled in.
 * @throws LovageError `OPTION_INVALID`
 */
export function resolveOptions(given: DashboardOptions = {}): ResolvedOptions {
  const chosen = checkAll<Checked>(given, CHECKS, {
    unknown: (option, fix) => invalid(option, 'is unknown', fix),
    invalid,
  })
  return Object.freeze({
    port: chosen.port ?? 5555,
    host: chosen.host ?? '127.0.0.1',
    allowedHosts: chosen.allowedHosts ?? [],
    data: chosen.data,
    maxTasks: chosen.maxTasks ?? 200_000,
    maxTextBytes: chosen.maxTextBytes ?? 256 * 2 ** 20,
    historyBytes: chosen.historyBytes ?? 512 * 2 ** 20,
    historyAgeMs: chosen.historyAge ?? 7 * 86_400_000,
    forgetAfterMs: chosen.forgetAfter ?? 3_600_000,
    pollIntervalMs: chosen.pollInterval ?? 3_000,
    maxClients: chosen.maxClients ?? 200,
    users: chosen.users ?? [],
    tokens: chosen.tokens ?? [],
    usersFile: chosen.usersFile,
    insecure: chosen.insecure ?? false,
    sessionAgeMs: chosen.sessionAge ?? 12 * 3_600_000,
    secureCookies: chosen.secureCookies ?? false,
    allowedOrigins: chosen.allowedOrigins ?? [],
    redact: chosen.redact ?? {},
    auditBytes: chosen.auditBytes ?? 16 * 2 ** 20,
    readOnly: chosen.readOnly ?? false,
    unauthenticatedApi: chosen.unauthenticatedApi ?? false,
    publicMetrics: chosen.publicMetrics ?? false,
  })
}

/** The error of an option that cannot stand. */
function invalid(option: string, problem: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option, where: 'dashboard()', problem, fix })
}
