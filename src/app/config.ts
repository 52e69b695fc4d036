import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import {
  checkAll,
  didYouMean,
  duration,
  listOf,
  shortText,
  shown,
  text,
  Unfit,
  whole,
  oneOf,
  type Check,
  type Checks,
} from './check.ts'
import { resolveHosts, type HostProcesses, type ResolvedHost } from './config-hosts.ts'

export type { HostProcesses } from './config-hosts.ts'

/** A process that runs tasks. */
export interface WorkerProcess {
  readonly run: 'worker'
  /** Queues it reads. Default: `defaultQueue` of the settings. */
  readonly queues?: readonly string[]
  /** Most tasks at once. Default: the pool's own, 100 for `async`. */
  readonly concurrency?: number
  /** Where task code runs. Default `'async'`. */
  readonly pool?: 'async' | 'threads' | 'processes'
  /** How many of this process. Default 1. */
  readonly count?: number
}

/** A process that turns HTTP requests into tasks. */
export interface GatewayProcess {
  readonly run: 'gateway'
  /** Module whose default export is a `gateway(app)`. Relative to the configuration file. */
  readonly module: string
  /** Port to listen on; 0 takes a free one. Default: the gateway's own. */
  readonly port?: number
  /** Address to listen on. Default: the gateway's own, `127.0.0.1`. */
  readonly host?: string
}

/** A process that sends tasks on time. */
export interface BeatProcess {
  readonly run: 'beat'
  /** Module whose default export is a `beat(app, entries)`. Relative to the configuration file. */
  readonly module: string
  /** How many of this process: each tick is sent once, however many there are. Default 1. */
  readonly count?: number
}

/** A process that shows the fleet as web pages. `lovage dev` has one in any case. */
export interface DashboardProcess {
  readonly run: 'dashboard'
  /** Port to listen on; 0 takes a free one. Default 5555. */
  readonly port?: number
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string
  /** A worker, gateway or queue that nobody has heard of for so long leaves pages and metrics. Default `'1h'`. */
  readonly forgetAfter?: Duration
}

/** One process of a deployment. */
export type ProcessConfig = WorkerProcess | GatewayProcess | BeatProcess | DashboardProcess

/** `lovage.config.ts`: what runs. */
export interface LovageConfig {
  /** Module that exports `app`. Relative to the configuration file. */
  readonly app: string
  /** Modules that define further tasks. Relative to the configuration file. */
  readonly tasks?: readonly string[]
  /** The processes, by name. Default: one worker. */
  readonly processes?: Readonly<Record<string, ProcessConfig>>
  /** Supervisors that are looked at and steered from here: `lovage ctl --hosts`, the dashboard. Default: none. */
  readonly hosts?: readonly HostProcesses[]
  /** Commands that `lovage dev` shows at its start, for people who see the project for the first time. Default: none. */
  readonly tryIt?: readonly TryIt[]
}

/** Something to try, and what comes of it. */
export interface TryIt {
  /** A shell command; `{url}` stands for the address of the first gateway: `curl '{url}/add?x=1&y=2'`. */
  readonly command: string
  /** What is answered. */
  readonly answer: string
}

/** A checked {@link LovageConfig} with its defaults. */
export interface ResolvedConfig {
  /** The file it came from. */
  readonly file: string
  readonly app: string
  readonly tasks: readonly string[]
  readonly processes: Readonly<Record<string, ProcessConfig>>
  readonly hosts: readonly ResolvedHost[]
  readonly tryIt: readonly TryIt[]
}

/** Gives the configuration its type. */
export function defineConfig(config: LovageConfig): LovageConfig {
  return config
}

const KINDS: readonly ProcessConfig['run'][] = ['worker', 'gateway', 'beat', 'dashboard']

type Checked<T> = { [Name in keyof T]-?: NonNullable<T[Name]> }

const WORKER: Checks<Checked<WorkerProcess>> = {
  run: oneOf('worker'),
  queues: listOf(shortText, 1),
  concurrency: whole(1),
  pool: oneOf('async', 'threads', 'processes'),
  count: whole(1),
}

const GATEWAY: Checks<Checked<GatewayProcess>> = {
  run: oneOf('gateway'),
  module: text,
  port: whole(0, 65_535),
  host: text,
}

const BEAT: Checks<Checked<BeatProcess>> = {
  run: oneOf('beat'),
  module: text,
  count: whole(1),
}

const DASHBOARD: Checks<Checked<DashboardProcess>> = {
  run: oneOf('dashboard'),
  port: whole(0, 65_535),
  host: text,
  forgetAfter: duration,
}

const anyObject: Check<Record<string, unknown>> = (value) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Unfit(
    `must be an object, and is ${shown(value)}`,
    "Write { web: { run: 'gateway', module: './gateway.ts' } }",
  )
}

const tried: Check<TryIt> = (value) => {
  const { command, answer } = anyObject(value)
  if (typeof command === 'string' && typeof answer === 'string') return { command, answer }
  throw new Unfit('has an entry without command and answer', "Write { command: 'curl {url}/add', answer: '...' }")
}

interface CheckedConfig {
  app: string
  tasks: readonly string[]
  processes: Record<string, unknown>
  hosts: readonly unknown[]
  tryIt: readonly TryIt[]
}

const CONFIG: Checks<CheckedConfig> = {
  app: text,
  tasks: listOf(text),
  processes: anyObject,
  // Each entry is checked by itself, under a name that tells which it is.
  hosts: listOf((value) => value),
  tryIt: listOf(tried),
}

/**
 * Checks what the configuration file exports.
 * @throws LovageError `SETTING_INVALID`, `SETTING_UNKNOWN`, naming file, process and option
 */
export function resolveConfig(raw: unknown, { file }: { file: string }): ResolvedConfig {
  const invalid = (option: string, problem: string, fix: string): LovageError =>
    new LovageError('SETTING_INVALID', { option, source: file, problem, fix })
  const under = (prefix: string): { unknown: (n: string, fix: string) => Error; invalid: typeof invalid } => ({
    unknown: (name, fix) => new LovageError('SETTING_UNKNOWN', { option: prefix + name, source: file, fix }),
    invalid: (name, problem, fix) => invalid(prefix + name, problem, fix),
  })
  if (typeof raw !== 'object' || raw === null) {
    throw invalid(
      'default export',
      `must be a configuration, and is ${shown(raw)}`,
      'Write export default defineConfig({ ... })',
    )
  }
  const checked = checkAll(raw, CONFIG, under(''))
  const { app, tasks = [], processes = { worker: { run: 'worker' } }, tryIt = [] } = checked
  if (app === undefined) throw invalid('app', 'is missing', "Name the module that exports app: app: './tasks.ts'")
  const resolved: Record<string, ProcessConfig> = {}
  for (const [name, process] of Object.entries(processes)) {
    resolved[name] = resolveProcess(process, `processes.${name}`, under(`processes.${name}.`), invalid)
  }
  const hosts = Object.freeze(resolveHosts(checked.hosts ?? [], under))
  return Object.freeze({ file, app, tasks, processes: Object.freeze(resolved), hosts, tryIt: Object.freeze(tryIt) })
}

function resolveProcess(
  given: unknown,
  where: string,
  complaints: Parameters<typeof checkAll>[2],
  invalid: (option: string, problem: string, fix: string) => LovageError,
): ProcessConfig {
  if (typeof given !== 'object' || given === null) {
    throw invalid(where, `must be an object, and is ${shown(given)}`, "Write { run: 'worker' }")
  }
  const { run } = given as { run?: unknown }
  if (run === 'worker') return { ...checkAll(given, WORKER, complaints), run }
  if (run === 'dashboard') return { ...checkAll(given, DASHBOARD, complaints), run }
  if (run !== 'gateway' && run !== 'beat') {
    const words = KINDS.map((kind) => `'${kind}'`).join(', ')
    const near =
      typeof run === 'string' ? didYouMean(run, KINDS) : `Write ${KINDS.map((kind) => `run: '${kind}'`).join(' or ')}`
    const problem = run === undefined ? 'is missing' : `must be one of ${words}, and is ${shown(run)}`
    throw complaints.invalid('run', problem, near)
  }
  const noModule = (): Error =>
    complaints.invalid(
      'module',
      'is missing',
      `Name the module whose default export is the ${run}: module: './${run}.ts'`,
    )
  if (run === 'beat') {
    const { module, ...rest } = checkAll(given, BEAT, complaints)
    if (module === undefined) throw noModule()
    return { ...rest, run, module }
  }
  const { module, ...rest } = checkAll(given, GATEWAY, complaints)
  if (module === undefined) throw noModule()
  return { ...rest, run, module }
}
