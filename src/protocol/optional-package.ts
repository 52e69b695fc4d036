import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/**
 * A package, loaded when it is first needed: most programs never read what it is for. Undefined where it is not installed.
 */
export function loadPackage<T>(name: string): T | undefined {
  try {
    return require(name) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
