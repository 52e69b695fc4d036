import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../scripts/steps.mjs'

/**
 * Where a package is to be measured beside Lovage that the project does not depend on; undefined where it is not installed.
 * `npm run bench:peers` brings them into a folder of their own; `LOVAGE_BENCH_PEERS` names another that has them.
 */
export function peerPath(name: string): string | undefined {
  for (const folder of FOLDERS) {
    try {
      return createRequire(join(folder, 'package.json')).resolve(name)
    } catch {
      // Perhaps in the next.
    }
  }
  return undefined
}

/** Which version of it there is. Not every package exports its package.json, so that it is read where it must be. */
export function peerVersion(name: string): string | undefined {
  const file = FOLDERS.map((folder) => join(folder, 'node_modules', name, 'package.json')).find(existsSync)
  return file && (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** Which version of a package the project itself has. */
export function ownVersion(name: string): string | undefined {
  const file = join(ROOT, 'node_modules', name, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : undefined
}

/** Such a package, loaded. */
export async function optionalPeer(name: string): Promise<any> {
  const path = peerPath(name)
  if (path === undefined) return undefined
  const module: { default?: unknown } = await import(pathToFileURL(path).href)
  return { ...(module.default as object), ...module }
}

/** Where peers may be, the first that has one wins. */
const FOLDERS = [process.env['LOVAGE_BENCH_PEERS'], join(ROOT, '.lovage', 'bench-peers'), ROOT].filter(
  (folder) => folder !== undefined,
)
