import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import { openPage } from '../web/browser.ts'
import { PATIENCE } from './dashboard-scene.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const LOOK = `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
  violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).slice(0, 3).join(' ')))`

/** Somebody before the pages. */
export class Hand {
  readonly page: Page
  /** Errors of scripts, requests to elsewhere. */
  readonly faults: string[]
  readonly #context: BrowserContext
  readonly #url: string

  private constructor(page: Page, faults: string[], context: BrowserContext, url: string) {
    this.page = page
    this.faults = faults
    this.#context = context
    this.#url = url
  }

  static async open(browser: Browser, url: string): Promise<Hand> {
    const { page, faults, context } = await openPage(browser)
    page.setDefaultTimeout(PATIENCE.timeout)
    await page.goto(url)
    // Not as an element: the policy of the pages lets none in.
    await page.evaluate(AXE)
    return new Hand(page, faults, context, url)
  }

  /** Opens a page as a link does, and waits for what is to be seen on it. */
  async go(path: string, ...there: readonly (string | RegExp)[]): Promise<void> {
    await this.page.evaluate(`{
      const link = document.createElement('a')
      link.href = ${JSON.stringify(path)}
      document.body.append(link)
      link.click()
      link.remove()
    }`)
    await this.sees(...there)
  }

  /** Waits until all of this stands on the page. */
  async sees(...there: readonly (string | RegExp)[]): Promise<void> {
    for (const text of there) {
      await this.page
        .locator('#main', { hasText: text })
        .waitFor()
        .catch(async () => {
          const main = await this.page.locator('#main').innerText()
          throw new Error(`${this.page.url()} never shows ${String(text)}. It shows:\n${main.slice(0, 3_000)}`)
        })
    }
  }

  /** What axe finds on the page that is shown. */
  async violations(): Promise<string[]> {
    return this.page.evaluate(LOOK)
  }

  button(name: string | RegExp, within: Page | Locator = this.page): Locator {
    return within.getByRole('button', { name, ...(typeof name === 'string' && { exact: true }) })
  }

  /** Presses a button, fills its dialog in and confirms; a refusal fails with what it says. Gives what the page tells then. */
  async act(
    name: string | Locator,
    verb: string | RegExp,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { page } = this
    await (typeof name === 'string' ? this.button(name) : name).first().click()
    const dialog = page.getByRole('dialog')
    for (const [label, value] of Object.entries(fields)) {
      const field = dialog.getByLabel(label)
      await ((await field.getAttribute('type')) === 'checkbox' ? field.check() : field.fill(value))
    }
    const pressed = this.button(verb, dialog).click()
    await pressed
      .then(() => dialog.waitFor({ state: 'detached' }))
      .catch(async () => {
        const said = await dialog.innerText()
        // What comes after it is not to fail because of this.
        await page.keyboard.press('Escape')
        throw new Error(`${verb} is not done: ${said}`)
      })
    // Read and closed in one: it goes by itself some seconds later.
    return page
      .locator('.toast')
      .last()
      .evaluate((toast) => {
        const text = toast.innerText.trim()
        toast.querySelector('button')?.click()
        return text
      })
  }

  async close(): Promise<void> {
    expect(this.faults).toEqual([])
    await this.#context.close()
  }

  get url(): string {
    return this.#url
  }
}
