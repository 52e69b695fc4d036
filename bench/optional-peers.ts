import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../scripts/steps.mjs'

/**
 * Where a package is to be measured beside Lovage that the project does not depend on; undefined where it is not installed.
 * `npm install --no-save bullmq graphile-worker` brings them; `LOVAGE_BENCH_PEERS` names a folder that has them elsewhere.
 */
export function peerPath(name: string): string | undefined {
  const from = createRequire(join(process.env['LOVAGE_BENCH_PEERS'] ?? ROOT, 'package.json'))
  try {
    return from.resolve(name)
  } catch {
    return undefined
  }
}

/** Such a package, loaded. */
export async function optionalPeer(name: string): Promise<any> {
  const path = peerPath(name)
  if (path === undefined) return undefined
  const module: { default?: unknown } = await import(pathToFileURL(path).href)
  return { ...(module.default as object), ...module }
}
