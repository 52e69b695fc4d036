import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../services/available.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { buildPages, openBrowser, openPage, SIZES } from './browser.ts'
import { FixtureServer } from './fixture-server.ts'

/** What axe finds wrong, in words. Only some rules look at colours, and only those are asked a second time. */
async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  const options = rules ? { runOnly: { type: 'rule', values: rules } } : {}
  await page.evaluate(axe.source)
  return page.evaluate(
    `axe.run(document, ${JSON.stringify({ ...options, resultTypes: ['violations'] })}).then((found) =>
      found.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html.slice(0, 160) + ' ' + node.target).join(' | ')))`,
  )
}

/** How much wider than the window the page is. */
const overflow = (page: Page): Promise<number> =>
  page.evaluate(`Math.max(
    document.documentElement.scrollWidth - innerWidth,
    ...[...document.querySelectorAll('.content')].map((one) => one.scrollWidth - one.clientWidth))`)

describeWith(['chromium'], 'pages of the dashboard', () => {
  let browser: Browser
  let server: FixtureServer
  let open: Awaited<ReturnType<typeof openPage>>
  const folder = temporaryFolder()

  beforeAll(async () => {
    await buildPages(folder)
    server = new FixtureServer(folder, 300)
    await server.start()
    browser = await openBrowser()
    open = await openPage(browser)
  }, 180_000)
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  const failed = (): string => `/tasks/${server.tasks.find(({ state }) => state === 'FAILURE')?.id}`
  const running = (): string => `/tasks/${server.tasks.find(({ state }) => state === 'STARTED')?.id}`
  const harmful = (): string => `/tasks/${server.tasks[5]?.id}`
  const PAGES: readonly (readonly [name: string, path: () => string, ready: string])[] = [
    ['overview', () => '/', '.failing li'],
    ['tasks', () => '/tasks', '[role=row] a'],
    ['a task that failed', failed, '.why li'],
    ['a task that runs', running, 'progress'],
    ['a task that means harm', harmful, '.facts dd'],
    ['a task that nobody knows', () => '/tasks/none', '[role=alert]'],
    ['audit', () => '/audit', '[role=row]'],
    ['a page that is not there', () => '/nowhere', '.empty'],
  ]

  it.each(PAGES)(
    '%s: fit for all, light and dark; no wider than a phone; asks nobody else; reads no text as markup',
    async (_name, path, ready) => {
      const { page, faults } = open
      faults.length = 0
      await page.emulateMedia({ colorScheme: 'light' })
      await page.setViewportSize(SIZES.desktop)
      await page.goto(server.url + path())
      await page.locator(ready).first().waitFor()
      await page.locator('.flow.is-live').waitFor()
      expect.soft(await violations(page)).toEqual([])
      await page.emulateMedia({ colorScheme: 'dark' })
      expect.soft(await violations(page, ['color-contrast'])).toEqual([])
      await page.setViewportSize(SIZES.phone)
      await page.locator('.rail .more').waitFor()
      // Pictures follow the window a moment later.
      await expect.poll(() => overflow(page)).toBeLessThanOrEqual(0)
      expect.soft(await page.evaluate('window.__harmed')).toBeUndefined()
      expect(faults).toEqual([])
    },
    180_000,
  )

  it('the page to log in: fit for all, tells what is wrong, and leads to where one wanted to be', async () => {
    server.hasLogin = true
    const { context, page, faults } = await openPage(browser)
    await page.goto(`${server.url}/queues?name=mail`)
    await page.getByLabel('User').fill('ana')
    await page.getByLabel('Password').fill('wrong')
    expect.soft(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('The name or the password is wrong.').waitFor()
    await page.getByLabel('Password').fill('secret')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Queues', exact: true }).waitFor()
    expect(page.url()).toBe(`${server.url}/queues?name=mail`)
    await page.getByRole('button', { name: /^User/ }).click()
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('heading', { name: 'Log in to Lovage' }).waitFor()
    expect(faults).toEqual([])
    server.hasLogin = false
    await context.close()
  }, 180_000)

  it.each(['//evil.example/', '/\\evil.example/', 'https://evil.example/'])(
    'the way back after logging in leads to no other site: %s',
    async (next) => {
      const { context, page } = await openPage(browser)
      await page.goto(`${server.url}/login?next=${encodeURIComponent(next)}`)
      await page.getByRole('heading', { name: 'Overview' }).waitFor()
      expect(new URL(page.url()).origin).toBe(server.url)
      await context.close()
    },
    180_000,
  )
})
