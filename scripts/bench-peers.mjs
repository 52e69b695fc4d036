// What `npm run bench:peers` runs: brings what `npm run bench` measures beside Lovage and Lovage does not depend on into
// .lovage/bench-peers, or into the folder that LOVAGE_BENCH_PEERS names.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, run } from './steps.mjs'

const PEERS = {
  bullmq: '^6.7.0',
  'celery-node': '^0.5.9',
  'graphile-worker': '^0.17.3',
  ioredis: '^6.0.0',
  // Newer ones ask for more than their Node has.
  'pg-boss': '12.5.0',
}

const folder = process.env['LOVAGE_BENCH_PEERS'] ?? join(ROOT, '.lovage', 'bench-peers')
mkdirSync(folder, { recursive: true })
// Otherwise npm would install into the folder above that has one.
if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
const packages = Object.entries(PEERS).map(([name, range]) => `${name}@${range}`)
// pg-boss needs Node 22, which is brought with it where there is an older one.
const isOld = Number(process.versions.node.split('.', 1)[0]) < 22
if (isOld) packages.push(`node-${process.platform}-${process.arch}@22`)
process.exitCode = await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], {
  cwd: folder,
})
