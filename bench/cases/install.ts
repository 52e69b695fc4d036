import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findCommand } from '../../scripts/services.mjs'
import { ROOT } from '../../scripts/steps.mjs'
import { removeFolder, temporaryFolder } from '../../test/services/reaper.ts'
import type { BenchCase, Figure, Row } from '../case.ts'

const run = promisify(execFile)
const MIB = 2 ** 20

/** Longest wait for one package, in milliseconds. */
const PATIENCE_MS = 90_000

/** What is installed beside ours, as its users would. */
const PEERS = {
  BullMQ: 'bullmq',
  'celery-node': 'celery-node',
  'pg-boss': 'pg-boss@12.5.0',
  'graphile-worker': 'graphile-worker',
}

/** What comes with a package: how many packages, how much of the disk, and how long it takes, nothing of it known before. */
const install: BenchCase = async ({ tiny, part }) => {
  const folder = temporaryFolder('install')
  try {
    await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: ROOT })
    const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '')
    const packed: Figure = { what: 'the package of Lovage, packed', value: statSync(tarball).size / MIB, unit: 'MiB' }
    // A trial asks nobody for packages.
    if (tiny) return [packed]
    const rows: Row[] = [packed]
    for (const [name, spec] of Object.entries({ lovage: tarball, ...PEERS })) {
      rows.push(...(await part(`install, ${name}`, () => installed(name, spec, join(folder, name)))))
      // Where one cannot be reached, none can, and each try takes its time.
      if (rows.some((row) => 'leftOut' in row)) break
    }
    return [...rows, ...(await part('install, Celery', debianCelery))]
  } finally {
    removeFolder(folder)
  }
}
export default install

async function installed(name: string, spec: string, home: string): Promise<Row[]> {
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', `--cache=${join(home, 'cache')}`]
  const from = performance.now()
  try {
    await run('npm', ['install', ...quiet, spec], { cwd: home, timeout: PATIENCE_MS })
  } catch (error) {
    const code = /\bnpm (?:error|ERR!) code (\w+)/.exec(String((error as { stderr?: string }).stderr))?.[1]
    return [{ what: `install, ${name}`, leftOut: `npm could not install it (${code ?? 'not within 90 s'})` }]
  }
  const seconds = (performance.now() - from) / 1_000
  const { packages, bytes } = weighed(join(home, 'node_modules'))
  return rowsOf(name, { packages, MiB: bytes / MIB, s: seconds })
}

function rowsOf(contender: string, values: Readonly<Record<string, number>>): Figure[] {
  const groups: Readonly<Record<string, string>> = { packages: 'packages', MiB: 'size', s: 'time to install' }
  return Object.entries(values).map(([unit, value]) => {
    const group = `install: ${groups[unit]}`
    return { what: `${group}, ${contender}`, value, unit, group, contender }
  })
}

/** Packages below a node_modules, and the bytes of their files. */
function weighed(folder: string): { packages: number; bytes: number } {
  let packages = 0
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    bytes += statSync(join(entry.parentPath, entry.name)).size
    if (entry.name === 'package.json' && /node_modules\/(@[^/]+\/)?[^/]+$/.test(entry.parentPath)) packages++
  }
  return { packages, bytes }
}

/** Celery as Debian has it, with the Python packages that it depends on. */
async function debianCelery(): Promise<Row[]> {
  if (!findCommand('dpkg-query')) return [{ what: 'install, Celery', leftOut: 'no Debian' }]
  const seen = new Map<string, number>()
  const waiting = ['python3-celery']
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (seen.has(name)) continue
    try {
      const { stdout } = await run('dpkg-query', ['-W', '-f', '${Installed-Size} ${Depends}', name])
      const kib = Number.parseInt(stdout, 10)
      // Known by name, since something recommends it, and not there.
      if (!(kib > 0)) continue
      seen.set(name, kib / 1_024)
      waiting.push(...[...stdout.matchAll(/\bpython3-[\w.+-]+/g)].map(([found]) => found))
    } catch {
      // One of several that would do, and not the one that is there.
    }
  }
  if (seen.size === 0) return [{ what: 'install, Celery', leftOut: 'no Celery on this machine' }]
  return rowsOf('Celery of Debian', { packages: seen.size, MiB: [...seen.values()].reduce((a, b) => a + b, 0) })
}
