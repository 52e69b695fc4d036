import { statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { App, lovage } from '../app/app.ts'
import { resolveConfig, type ProcessConfig, type ResolvedConfig, type TryIt } from '../app/config.ts'
import type { ResolvedHost } from '../app/config-hosts.ts'
import { loadModule, loadModules, type LoadedModule } from '../app/load-module.ts'
import { LovageError } from '../base/errors.ts'
import type { CommonOptions } from './command-options.ts'

const CONFIG_NAMES = ['lovage.config.ts', 'lovage.config.mts', 'lovage.config.js', 'lovage.config.mjs']
const MODULE_ENDS = ['', '.ts', '.mts', '.js', '.mjs', '.cts', '.cjs', '/index.ts', '/index.js']

/** What a command works on: an app, and what is to run of it. */
export interface Target {
  readonly app: App
  /** Where it came from, for people: a file, or `LOVAGE_BROKER_URL`. */
  readonly source: string
  /** The processes of the configuration, with absolute paths; one worker where there is none. */
  readonly processes: Readonly<Record<string, ProcessConfig>>
  /** The supervisors of the configuration. */
  readonly hosts: readonly ResolvedHost[]
  readonly tryIt: readonly TryIt[]
  /** The files that define the tasks: the app's, and those beside it. */
  readonly taskFiles: readonly string[]
  /** What was loaded, by file. */
  readonly modules: ReadonlyMap<string, LoadedModule>
}

/** Which files make up the target, before anything of the user's own code runs. */
export interface TargetFiles {
  readonly kind: 'config' | 'module'
  readonly file: string
  /** Name of the export that holds the app. */
  readonly exportName?: string
}

/**
 * Finds the files: `-A`, `--config`, or the nearest `lovage.config.ts` upwards from the working directory.
 * @throws LovageError `CONFIG_NOT_FOUND`
 */
export function findTarget({ app, config }: CommonOptions, cwd = process.cwd()): TargetFiles {
  if (app !== undefined) {
    const [path = '', exportName] = splitExport(app)
    return { kind: 'module', file: moduleFile(path, cwd), exportName }
  }
  if (config !== undefined) {
    const file = resolve(cwd, config)
    if (!isFile(file)) throw new LovageError('CONFIG_NOT_FOUND', { problem: `there is no file ${file}` })
    return { kind: 'config', file }
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = CONFIG_NAMES.map((name) => join(folder, name)).find(isFile)
    if (file) return { kind: 'config', file }
    if (folder === dirname(folder)) break
  }
  throw new LovageError('CONFIG_NOT_FOUND', { problem: `neither in ${cwd} nor in a folder above it` })
}

/** Modules of which kinds of process are loaded beside the tasks. */
export interface LoadOptions {
  readonly gateways?: boolean
  readonly beats?: boolean
  /** Further modules of tasks. */
  readonly include?: readonly string[] | undefined
}

/**
 * Loads the app with all of its tasks, and the modules of gateways and beats where they are asked for.
 * @throws LovageError `CONFIG_NOT_FOUND`, `MODULE_FAILED`, `SETTING_INVALID`, `SETTING_UNKNOWN`
 */
export async function loadTarget(
  options: CommonOptions,
  { include = [], ...kinds }: LoadOptions = {},
): Promise<Target> {
  const files = findTarget(options)
  const included = include.map((path) => moduleFile(path, process.cwd()))
  if (files.kind === 'module') return targetOfModule(files, included)
  const config = await loadConfig(files.file)
  return targetOfConfig({ ...config, tasks: [...config.tasks, ...included] }, kinds)
}

/**
 * As {@link loadTarget}; where nothing is configured but `LOVAGE_BROKER_URL` is set, an app without tasks on that broker:
 * enough to look into queues and to send by name.
 */
export async function loadTargetOrBroker(
  options: CommonOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Target> {
  if (env['LOVAGE_BROKER_URL'] && !isConfigured(options)) {
    return {
      app: lovage('cli'),
      source: 'LOVAGE_BROKER_URL',
      processes: {},
      hosts: [],
      tryIt: [],
      taskFiles: [],
      modules: new Map(),
    }
  }
  return loadTarget(options)
}

/** @throws LovageError `MODULE_FAILED`, `SETTING_INVALID`, `SETTING_UNKNOWN` */
export async function loadConfig(file: string): Promise<ResolvedConfig> {
  // It only names modules, so it need not be read in the way that they are.
  return resolveConfig((await loadModule(file, { apart: true }))['default'], { file })
}

/** @throws LovageError `MODULE_FAILED` */
async function targetOfConfig(
  config: ResolvedConfig,
  { gateways = false, beats = false }: LoadOptions,
): Promise<Target> {
  const from = (path: string): string => resolve(dirname(config.file), path)
  const appFile = from(config.app)
  const processes: Record<string, ProcessConfig> = {}
  const taskFiles = [appFile, ...config.tasks.map(from)]
  const files = new Set(taskFiles)
  for (const [name, process] of Object.entries(config.processes)) {
    processes[name] = process
    if (process.run === 'worker' || process.run === 'dashboard') continue
    const module = from(process.module)
    processes[name] = { ...process, module }
    if (process.run === 'gateway' ? gateways : beats) files.add(module)
  }
  // In one call: what they have in common must be one copy.
  const loaded = await loadModules([...files])
  const modules = new Map([...files].map((file, index) => [file, loaded[index] as LoadedModule]))
  const app = appOf(modules.get(appFile) as LoadedModule, appFile)
  return { app, source: config.file, processes, hosts: config.hosts, tryIt: config.tryIt, taskFiles, modules }
}

async function targetOfModule({ file, exportName }: TargetFiles, included: readonly string[]): Promise<Target> {
  const taskFiles = [file, ...included]
  const loaded = await loadModules(taskFiles)
  const modules = new Map(taskFiles.map((each, index) => [each, loaded[index] as LoadedModule]))
  const app = appOf(loaded[0] as LoadedModule, file, exportName)
  return { app, source: file, processes: { worker: { run: 'worker' } }, hosts: [], tryIt: [], taskFiles, modules }
}

/** Whether there is something to load; what is named and not there is an error of its own. */
export function isConfigured(options: CommonOptions): boolean {
  if (options.app !== undefined || options.config !== undefined) return true
  try {
    return Boolean(findTarget(options))
  } catch {
    return false
  }
}

function appOf(module: Readonly<Record<string, unknown>>, file: string, exportName?: string): App {
  if (exportName !== undefined) {
    const chosen = module[exportName]
    if (isApp(chosen)) return chosen
    throw noApp(file, chosen === undefined ? `it has no export ${exportName}` : `its export ${exportName} is no app`)
  }
  const inDefault = (module['default'] as { app?: unknown } | undefined)?.app
  const found = [module['app'], module['default'], inDefault, ...Object.values(module)].find(isApp)
  if (found) return found
  throw noApp(file, 'it exports no app')
}

/** A path as short as it can be written from here. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short !== '' && short.length < path.length ? short : path
}

function noApp(file: string, problem: string): LovageError {
  const fix = `${relative(process.cwd(), file)}: write export const app = lovage('name')`
  return new LovageError('MODULE_FAILED', { module: file, problem, at: fix })
}

/** By its shape: the module may hold another copy of the package. */
function isApp(value: unknown): value is App {
  if (value instanceof App) return true
  if (typeof value !== 'object' || value === null) return false
  const { registry, settings, client, sendTask } = value as Partial<App>
  return Boolean(registry && settings) && typeof client === 'function' && typeof sendTask === 'function'
}

/** `tasks.ts:app`; the colon of a Windows drive is none. */
function splitExport(given: string): [string, string?] {
  const colon = given.lastIndexOf(':')
  if (colon <= 1) return [given]
  return [given.slice(0, colon), given.slice(colon + 1)]
}

function moduleFile(path: string, cwd: string): string {
  const file = MODULE_ENDS.map((end) => resolve(cwd, path + end)).find(isFile) ?? dotted(path, cwd)
  if (file) return file
  throw new LovageError('CONFIG_NOT_FOUND', { problem: `there is no module ${path} in ${cwd}` })
}

/** Celery writes `proj.tasks`; we look for proj/tasks.ts. */
function dotted(path: string, cwd: string): string | undefined {
  if (path.includes('/')) return undefined
  return MODULE_ENDS.map((end) => resolve(cwd, path.replaceAll('.', '/') + end)).find(isFile)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}
