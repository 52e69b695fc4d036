import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { describeWith } from '../services/available.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { buildPages, openBrowser, openPage, pressBoth } from './browser.ts'
import { FixtureServer } from './fixture-server.ts'
import { taskList } from './task-facts.ts'

describeWith(['chromium'], 'by keys and by hand', () => {
  let browser: Browser
  let server: FixtureServer
  const folder = temporaryFolder()

  beforeAll(async () => {
    await buildPages(folder)
    server = new FixtureServer(folder, 2_000)
    await server.start()
    browser = await openBrowser()
  }, 180_000)
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })
  beforeEach(() => {
    server.acted.length = 0
    server.answer = { ok: true, text: 'Done.' }
  })

  async function at(path: string, use: (page: Page) => Promise<void>): Promise<void> {
    const { context, page, faults } = await openPage(browser)
    await page.goto(server.url + path)
    await page.locator('.flow.is-live').waitFor()
    await use(page)
    expect(faults).toEqual([])
    await context.close()
  }

  it(
    'pages are reached by two keys, tasks by j, k and Enter, the filter by a slash',
    () =>
      at('/', async (page) => {
        await pressBoth(page, 'g', 't')
        await page.locator('[role=row] a').first().waitFor()
        await page.getByRole('heading', { name: 'Tasks' }).waitFor()
        for (const key of ['j', 'j', 'k', 'j', 'x']) await page.keyboard.press(key)
        await page.getByText('1 selected').waitFor()
        await page.keyboard.press('/')
        await page.keyboard.type('state:FAILURE')
        await expect.poll(() => new URL(page.url()).searchParams.get('q')).toBe('state:FAILURE')
        await page.getByText('match of 2,000 held').waitFor()
        await page.keyboard.press('Escape')
        // There are none for a moment, while those that match are asked for.
        const states = async () => new Set(await page.locator('.row:not(.head) .state').allTextContents())
        await expect.poll(states).toEqual(new Set(['failure']))
        await page.keyboard.press('j')
        await page.locator('.row.current').waitFor()
        await page.keyboard.press('Enter')
        await page.getByRole('heading', { name: 'Traceback' }).waitFor()
        await page.goBack()
        await expect.poll(() => page.getByLabel('Filter', { exact: true }).inputValue()).toBe('state:FAILURE')
      }),
    180_000,
  )

  it(
    'the palette finds pages, tasks by their id, and filters; the keys are listed',
    () =>
      at('/', async (page) => {
        await page.keyboard.press('Control+k')
        await page.keyboard.type('audi')
        await page.keyboard.press('Enter')
        await page.getByRole('heading', { name: 'Audit' }).waitFor()
        const id = server.tasks[0]?.id ?? ''
        await page.keyboard.press('Control+k')
        await page.keyboard.type(id)
        await page.keyboard.press('Enter')
        await expect.poll(() => page.url()).toBe(`${server.url}/tasks/${id}`)
        await page.keyboard.press('?')
        await page.getByRole('dialog', { name: 'Keys' }).getByText('Stop the flow').waitFor()
        await page.keyboard.press('Escape')
        await page.getByRole('dialog').waitFor({ state: 'detached' })
      }),
    180_000,
  )

  it(
    'a wrong filter is shown wrong where it is wrong, and breaks nothing',
    () =>
      at('/tasks', async (page) => {
        await page.getByLabel('Filter', { exact: true }).fill('state:FAILURE bogus')
        await page.getByText('This is no part of a filter.').waitFor()
        expect(await page.locator('.filter mark').textContent()).toBe('bogus')
        expect(await page.locator('.banner').count()).toBe(0)
        await page.getByLabel('Filter', { exact: true }).fill('state:FAILURE')
        await page.getByText('This is no part of a filter.').waitFor({ state: 'detached' })
      }),
    180_000,
  )

  it(
    'only rows that are seen are drawn, more come at the end, and what is new waits while one reads',
    () =>
      at('/tasks', async (page) => {
        await page.locator('[role=row] a').first().waitFor()
        expect(await page.locator('[role=row]').count()).toBeLessThan(60)
        const rows = page.locator('[role=table][aria-label=Tasks]')
        expect(await rows.getAttribute('aria-rowcount')).toBe('101')
        await page.evaluate("document.querySelector('.table.long').scrollTo(0, 1e6)")
        await expect.poll(() => rows.getAttribute('aria-rowcount')).toBe('201')
        await expect.poll(() => server.streamed()).toBe('jobs,tasks')
        const [first] = server.tasks
        if (!first) throw new Error('There are no tasks.')
        const fresh = [{ ...first, id: 'a-new-one', name: 'just.come', updatedMs: Date.now() }, ...server.tasks]
        server.push('tasks', taskList(fresh, new URLSearchParams('facets=1'), Date.now()))
        await page.getByRole('button', { name: '1 newer task' }).click()
        await page.getByText('just.come').first().waitFor()
      }),
    180_000,
  )

  it(
    'what is done to many is confirmed with how many, and done to those that were shown',
    () =>
      at('/tasks?q=state%3AFAILURE', async (page) => {
        await page.getByRole('checkbox', { name: 'Select all rows here' }).check()
        await page.getByRole('button', { name: /^Select all \d+ that match/ }).click()
        server.answer = { ok: true, text: 'Begun.', job: 'job-1' }
        await page.getByRole('toolbar').getByRole('button', { name: 'Retry' }).click()
        const dialog = page.getByRole('dialog')
        const matching = server.tasks.filter(({ state }) => state === 'FAILURE').length
        await dialog.getByText(`${matching} tasks that match state:FAILURE`).waitFor()
        const button = dialog.getByRole('button', { name: `Retry ${matching} tasks` })
        expect(await button.isDisabled()).toBe(true)
        await dialog.getByLabel(/^Type/).fill(String(matching))
        await button.click()
        await page.getByText('Begun.').waitFor()
        expect(server.acted).toMatchObject([
          { name: 'tasks', body: { target: 'state:FAILURE', verb: 'retry', count: matching } },
        ])
        await page.getByText('1 of 3 items done').waitFor()
      }),
    180_000,
  )

  it(
    'a task is retried with other arguments, which must be JSON',
    () =>
      at(`/tasks/${server.tasks.find(({ state }) => state === 'FAILURE')?.id}`, async (page) => {
        await page.getByRole('button', { name: 'Retry with other arguments' }).click()
        await page.getByLabel('Positional arguments').fill('[1,')
        expect(await page.getByRole('button', { name: 'Send it' }).isDisabled()).toBe(true)
        await page.getByLabel('Positional arguments').fill('[1, "two"]')
        await page.getByRole('button', { name: 'Send it' }).click()
        await page.getByText('Done.').waitFor()
        expect(server.acted[0]?.body).toMatchObject({ args: [1, 'two'], kwargs: {} })
      }),
    180_000,
  )
})
