import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { build } from 'vite'
import { findCommand } from '../../scripts/services.mjs'

/** Longest wait for a browser, or for something on a page: others use the machine as well. */
const PATIENCE_MS = 90_000

/** Builds the pages as `npm run build` does, into that folder. */
export async function buildPages(folder: string): Promise<void> {
  await build({
    configFile: fileURLToPath(new URL('../../web/vite.config.ts', import.meta.url)),
    build: { outDir: folder },
  })
}

export const SIZES = { desktop: { width: 1_280, height: 800 }, phone: { width: 390, height: 844 } } as const

/** Debian's Chromium, without a window. */
export function openBrowser(): Promise<Browser> {
  const executablePath = findCommand('chromium')
  if (!executablePath) throw new Error('There is no chromium on this machine.')
  return chromium.launch({
    executablePath,
    timeout: PATIENCE_MS,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })
}

/** Presses two keys, the second of which must come soon after the first: neither waits for what the page does of it. */
export async function pressBoth(page: Page, first: string, second: string): Promise<void> {
  await Promise.all([page.keyboard.press(first), page.keyboard.press(second)])
}

/** A page whose faults are kept: errors of its scripts, of its console, and requests to anywhere else. */
export async function openPage(
  browser: Browser,
  { size = 'desktop', scheme = 'light' }: { size?: keyof typeof SIZES; scheme?: 'light' | 'dark' } = {},
): Promise<{ readonly context: BrowserContext; readonly page: Page; readonly faults: string[] }> {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: scheme,
    reducedMotion: 'reduce',
    hasTouch: size === 'phone',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith('http://127.0.0.1:')) faults.push(`asked ${request.url()}`)
  })
  return { context, page, faults }
}
