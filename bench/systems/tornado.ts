import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startChild, type Child } from '../../test/services/child.ts'
import { type CeleryOptions, envOf } from './celery.ts'

const PYTHON = '/usr/bin/python3'
const PEERS = fileURLToPath(new URL('../peers/', import.meta.url))

/** Whether this machine has it. */
export function hasTornado(): boolean {
  return existsSync('/usr/lib/python3/dist-packages/tornado/web.py')
}

/** The site of bench/peers/tornado_site.py, which waits for Celery's results in that way. */
export async function startTornado(
  way: 'poll' | 'executor',
  options: CeleryOptions,
): Promise<{ child: Child; url: string }> {
  const child = startChild(PYTHON, ['tornado_site.py', way], {
    name: `tornado ${way}`,
    cwd: PEERS,
    env: envOf(options),
  })
  const [, port] = (await child.line(/^port \d+$/, { timeoutMs: 60_000 })).split(' ')
  return { child, url: `http://127.0.0.1:${port}` }
}
