import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../scripts/steps.mjs'

/**
 * A package to be measured beside Lovage that the project does not depend on; undefined where it is not installed.
 * `npm install --no-save bullmq graphile-worker` brings them; `LOVAGE_BENCH_PEERS` names a folder that has them elsewhere.
 */
export async function optionalPeer(name: string): Promise<any> {
  const from = createRequire(join(process.env['LOVAGE_BENCH_PEERS'] ?? ROOT, 'package.json'))
  let path: string
  try {
    path = from.resolve(name)
  } catch {
    return undefined
  }
  const module: { default?: unknown } = await import(pathToFileURL(path).href)
  return { ...(module.default as object), ...module }
}
