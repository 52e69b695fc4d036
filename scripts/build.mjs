// Builds dist from src and web, and takes away what is left in dist of sources that are gone.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { bundle, entriesOfPackage } from './bundle.mjs'
import { binary, ROOT, run } from './steps.mjs'

const dist = join(ROOT, 'dist')
/** The pages of the dashboard, which vite builds, and empties itself. */
const PAGES = join('dashboard', 'web')

/** When something that the pages are built from was changed last; also a file that was taken away changes its folder. */
function pagesChangedMs() {
  const web = join(ROOT, 'web')
  const paths = readdirSync(web, { recursive: true, encoding: 'utf8' }).map((name) => join(web, name))
  return Math.max(...[...paths, web, join(ROOT, 'package-lock.json')].map((path) => statSync(path).mtimeMs))
}

if (existsSync(dist)) {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (name.startsWith(PAGES)) continue
    const source = name.replace(/\.d\.ts$/, '.ts')
    if (source !== name && !existsSync(join(ROOT, 'src', source))) rmSync(join(dist, name))
  }
}
process.exitCode = await run(process.execPath, [binary('tsc'), '-p', 'tsconfig.build.json', '--emitDeclarationOnly'])
if (process.exitCode === 0) await bundle(entriesOfPackage(), dist, { keep: PAGES })

const page = join(dist, PAGES, 'index.html')
if (process.exitCode === 0 && (!existsSync(page) || statSync(page).mtimeMs < pagesChangedMs())) {
  process.exitCode = await run(process.execPath, [binary('vite'), 'build', '--config', join('web', 'vite.config.ts')])
}
