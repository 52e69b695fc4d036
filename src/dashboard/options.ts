import { resolve } from 'node:path'
import { checkAll, duration, listOf, text, wait, whole, type Check, type Checks } from '../app/check.ts'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'

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
  })
}

/** The error of an option that cannot stand. */
function invalid(option: string, problem: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option, where: 'dashboard()', problem, fix })
}
