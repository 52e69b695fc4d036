import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Jiti } from 'jiti'
import { log } from '../base/log.ts'
import { moduleFault } from './module-fault.ts'

/** What a module exports. */
export type LoadedModule = Readonly<Record<string, unknown>>

/** The doors of this package. A module that is loaded here gets the copy that loads it, wherever that module lies. */
export const DOORS = [
  'lovage',
  'lovage/worker',
  'lovage/beat',
  'lovage/gateway',
  'lovage/supervisor',
  'lovage/dashboard',
  'lovage/opentelemetry',
  'lovage/config',
  'lovage/testing',
] as const

/** Native import() may refuse TypeScript in these ways, all of them before a line of it has run. */
const NOT_NATIVE = new Set([
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_INVALID_TYPESCRIPT_SYNTAX',
  'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_MODULE_NOT_FOUND',
])

const loaded = new Map<string, Promise<LoadedModule>>()
let transpiler: Promise<Jiti> | undefined
let nativeTypeScript = false

export interface LoadOptions {
  /** It shares nothing with what is loaded later, as a configuration file that only names modules. Default false. */
  readonly apart?: boolean
}

/**
 * Loads a module of the user's, once per process: JavaScript, or TypeScript with enums, decorators, top-level await,
 * imports without extension and imports of `.js` that mean `.ts`. It is not type-checked.
 *
 * @param path absolute, or relative to the working directory
 * @throws LovageError `MODULE_FAILED`, naming the module, the line that is to blame, and the cause
 */
export async function loadModule(path: string, options?: LoadOptions): Promise<LoadedModule> {
  const [module] = await loadModules([path], options)
  return module as LoadedModule
}

/**
 * As {@link loadModule}, for modules that belong together: what they import in common is one copy, even where Node can
 * read only some of them by itself.
 */
export function loadModules(paths: readonly string[], { apart = false }: LoadOptions = {}): Promise<LoadedModule[]> {
  const files = paths.map((path) => resolve(path))
  const fresh = files.filter((file, index) => !loaded.has(file) && files.indexOf(file) === index)
  const ready = fresh.length > 0 ? loadAll(fresh, apart) : undefined
  fresh.forEach((file, index) => {
    const module = (ready as Promise<LoadedModule[]>).then((modules) => modules[index] as LoadedModule)
    module.catch(() => {})
    loaded.set(file, module)
  })
  return Promise.all(files.map((file) => loaded.get(file) as Promise<LoadedModule>))
}

async function loadAll(files: readonly string[], apart: boolean): Promise<LoadedModule[]> {
  const typeScript = files.some(isTypeScript)
  const readsTypeScript = Boolean((process.features as { typescript?: unknown }).typescript)
  if (typeScript && (transpiler || !readsTypeScript)) return transpileAll(files)
  try {
    const modules = await importAll(files)
    nativeTypeScript ||= typeScript && !apart
    return modules
  } catch (error) {
    if (!typeScript || !isNotNative(error)) throw await moduleFault(files, error)
    if (nativeTypeScript) {
      // What both import exists twice from here on; loading them in one call would have prevented it.
      log('warn', 'app', 'modules are transpiled although others were not', { modules: files })
    }
    return transpileAll(files)
  }
}

async function importAll(files: readonly string[]): Promise<LoadedModule[]> {
  const urls = files.map((file) => pathToFileURL(file).href)
  if (urls.length === 1) return [(await import(urls[0] as string)) as LoadedModule]
  // One root over all of them: Node reads every file before it runs the first.
  const root = urls.map((url, index) => `export * as m${index} from ${JSON.stringify(url)}`).join('\n')
  const modules = (await import(`data:text/javascript,${encodeURIComponent(root)}`)) as Record<string, LoadedModule>
  return urls.map((_, index) => modules[`m${index}`] as LoadedModule)
}

async function transpileAll(files: readonly string[]): Promise<LoadedModule[]> {
  const jiti = await (transpiler ??= openTranspiler())
  const modules: LoadedModule[] = []
  for (const file of files) {
    try {
      modules.push(await jiti.import<LoadedModule>(pathToFileURL(file).href))
    } catch (error) {
      throw await moduleFault([file], error)
    }
  }
  return modules
}

async function openTranspiler(): Promise<Jiti> {
  const { createJiti } = await import('jiti')
  const doors: Record<string, unknown> = {}
  for (const door of DOORS) {
    // Opened when a module first asks for it, so that tasks do not load a web server.
    Object.defineProperty(doors, door, { get: () => import(door), enumerable: true })
  }
  return createJiti(import.meta.url, { virtualModules: doors })
}

function isTypeScript(file: string): boolean {
  return /^\.[cm]?tsx?$/.test(extname(file))
}

function isNotNative(error: unknown): boolean {
  return error instanceof SyntaxError || NOT_NATIVE.has((error as { code?: string } | undefined)?.code ?? '')
}
