// Takes the pictures of the dashboard in docs/pictures: each page, light and dark, on a desktop and on a phone.
//   npm run screenshots                  everything, of a shop that has been open for 90 s
//   npm run screenshots -- queues        pages whose name has that in it
//   npm run screenshots -- --for 15m     of one that has been open for so long
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
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

const {
  values,
  positionals: [wanted = ''],
} = parseArgs({ allowPositionals: true, options: { for: { type: 'string', default: '90s' } } })
const { milliseconds } = await loadTypeScript(join(ROOT, 'src', 'base', 'duration.ts'))
const { openStage } = await loadTypeScript(join(ROOT, 'scripts', 'screenshot-stage.ts'))
/** @type {import('./screenshot-stage.ts').Stage} */
const stage = await openStage(milliseconds(values.for))
/** @type {import('playwright-core').Browser | undefined} */
let browser
try {
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  const pictures = join(ROOT, 'docs', 'pictures')
  mkdirSync(pictures, { recursive: true })
  const pages = []
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of SCHEMES) {
      const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce', bypassCSP: true })
      pages.push({ size, colorScheme, page })
    }
  }
  for (const [name, pathOf] of Object.entries(stage.pages)) {
    if (!name.includes(wanted)) continue
    // One path for all four, which are to be alike.
    const url = stage.url + (await pathOf())
    for (const { size, colorScheme, page } of pages) {
      await page.goto(url)
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
      await page.goto('about:blank')
    }
  }
} finally {
  await browser?.close()
  await stage.close()
}
