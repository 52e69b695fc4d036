// Takes the pictures of the dashboard in docs/pictures: each page, light and dark, on a desktop and on a phone.
//   npm run screenshots              everything
//   npm run screenshots -- queues    pages whose name has that in it
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { build } from 'vite'
import { loadTypeScript } from './load-ts.mjs'
import { toPalette } from './palette-png.mjs'
import { findCommand } from './services.mjs'
import { ROOT } from './steps.mjs'

const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }
const SCHEMES = /** @type {const} */ (['light', 'dark'])
/** A picture is taken when nothing has come for so long: what is lazily loaded is there then. */
const QUIET_MS = 400

const executablePath = findCommand('chromium')
if (!executablePath) throw new Error('There is no chromium on this machine: apt-get install chromium')

const folder = mkdtempSync(join(tmpdir(), 'lovage-screenshots-'))
await build({ configFile: join(ROOT, 'web', 'vite.config.ts'), build: { outDir: folder } })
const { openStage } = await loadTypeScript(join(ROOT, 'scripts', 'screenshot-stage.ts'))
/** @type {import('./screenshot-stage.ts').Stage} */
const stage = await openStage(folder)
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
const pictures = join(ROOT, 'docs', 'pictures')
mkdirSync(pictures, { recursive: true })
const [wanted = ''] = process.argv.slice(2)
try {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of SCHEMES) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce', bypassCSP: true })
      const page = await context.newPage()
      for (const [name, path] of Object.entries(stage.paths)) {
        if (!name.includes(wanted)) continue
        await page.goto(stage.url + path)
        await page.locator('#main h1').waitFor()
        // The stream never ends, so the network is never idle: what counts is that nothing loads any more.
        await page.waitForFunction(
          `!document.querySelector('#main')?.textContent?.includes('Loading…') &&
            performance.now() - Math.max(0, ...performance.getEntriesByType('resource').map((one) => one.responseEnd)) > ${QUIET_MS}`,
        )
        const file = `dashboard-${name}-${size}-${colorScheme}.png`
        const small = toPalette(await page.screenshot())
        writeFileSync(join(pictures, file), small)
        console.log(`${file}  ${Math.round(small.length / 1024)} KiB`)
      }
      await context.close()
    }
  }
} finally {
  await browser.close()
  await stage.close()
  rmSync(folder, { recursive: true, force: true })
}
