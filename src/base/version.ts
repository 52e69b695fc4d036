import { createRequire } from 'node:module'

interface Manifest {
  readonly version: string
  readonly engines: { readonly node: string }
}

/** The package.json of this copy of Lovage. */
export function manifest(): Manifest {
  return createRequire(import.meta.url)('lovage/package.json') as Manifest
}

export function version(): string {
  return manifest().version
}
