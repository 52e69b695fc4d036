// What `npm run check` runs: everything that can be said of the project without running it.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkLinks } from './links.mjs'
import { binary, ROOT, run, Steps } from './steps.mjs'

/**
 * @param {string} name
 * @param {readonly string[]} args
 */
const tool = (name, ...args) => run(process.execPath, [binary(name), ...args])

const steps = new Steps('check')
await steps.step('format (oxfmt; `npm run format` mends it)', () => tool('oxfmt', '--check'))
await steps.step('lint (oxlint, with types)', () => tool('oxlint', '--deny-warnings'))
await steps.step('types (tsc)', () => tool('tsc', '--noEmit'))
await steps.step('types of the pages (tsc)', () => tool('tsc', '-p', 'web'))
await steps.step('walls', () => tool('vitest', 'run', '--typecheck.enabled=false', 'test/walls.test.ts'))
await steps.step('dead code (knip)', () => tool('knip'))
await steps.step('links between documents', async () => checkLinks())
await steps.step('build', () => run(process.execPath, [join(ROOT, 'scripts', 'build.mjs')]))

const folder = mkdtempSync(join(tmpdir(), 'lovage-pack-'))
try {
  const packed = await steps.step('pack', () =>
    run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]),
  )
  const tarball = packed ? join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '') : ''
  await steps.step('package (publint)', async () => (packed ? tool('publint', 'run', tarball, '--strict') : 1))
  await steps.step('package types (attw)', async () =>
    // An ESM package: what a CommonJS importer gets is Node's require(esm), which attw does not know.
    packed ? tool('attw', tarball, '--profile', 'esm-only', '--no-emoji') : 1,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
steps.finish()
