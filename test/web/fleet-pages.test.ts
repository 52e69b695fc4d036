import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { describeWith } from '../services/available.ts'
import { buildPages, openBrowser, openPage } from './browser.ts'
import { FixtureServer } from './fixture-server.ts'
import { HARMFUL } from './task-facts.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What is wrong with the page that is shown. */
const LOOK = `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
  violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).slice(0, 3).join(' ')))`

/** How much wider than the window the page is. */
const TOO_WIDE = `Math.max(...[document.documentElement, document.querySelector('.content')].map((box) =>
  box ? box.scrollWidth - box.clientWidth : 0))`

/** Each page, and a text by which one sees that its data is there. */
const PAGES: readonly (readonly [path: string, there: string])[] = [
  ['/workers', 'celery@gpu-1'],
  ['/workers/celery%40w2', 'Tasks it knows'],
  ['/queues', 'mail.bulk'],
  ['/queues/mail', 'Dead letters: 4'],
  ['/schedules', 'At 02:30, Monday through Friday'],
  ['/gateway', 'DEADLINE_HOPELESS'],
  ['/processes', '42 on 6 hosts'],
  ['/processes?view=host', 'ECONNREFUSED'],
  ['/processes?view=state&log=web-02:mail:mail_03', 'no such table: outbox'],
]

describeWith(['chromium'], 'the pages of a fleet', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-pages-'))
  const server = new FixtureServer(folder, 50)
  let browser: Browser
  let page: Page
  let faults: string[]

  /** Opens a page as a link does; its own script goes on. */
  const go = async (path: string, there: string): Promise<void> => {
    await page.evaluate(`{
      const link = document.createElement('a')
      link.href = ${JSON.stringify(path)}
      document.body.append(link)
      link.click()
      link.remove()
    }`)
    await page.locator('#main', { hasText: there }).waitFor()
  }
  const isHarmed = (): Promise<boolean> => page.evaluate(`'__harmed' in globalThis`)
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const dialog = () => page.getByRole('dialog')
  /** What the last action was asked to do; the dialog is gone then. */
  const acted = async (): Promise<unknown> => {
    await dialog().waitFor({ state: 'detached' })
    return server.acted.at(-1)
  }

  beforeAll(async () => {
    await buildPages(folder)
    await server.start()
    browser = await openBrowser()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each([
    { size: 'desktop', scheme: 'light' },
    { size: 'phone', scheme: 'dark' },
  ] as const)(
    'are whole on a $size, $scheme: nothing axe finds, nothing out of sight, nothing harmful run',
    async (kind) => {
      const opened = await openPage(browser, kind)
      ;({ page, faults } = opened)
      await page.goto(`${server.url}/workers`)
      // Not as an element: the policy of the pages lets none in.
      await page.evaluate(AXE)
      for (const [path, there] of PAGES) {
        await go(path, there)
        expect.soft({ path, violations: await page.evaluate(LOOK) }).toEqual({ path, violations: [] })
        // Pictures take the width of their place a moment later.
        await expect.poll(() => page.evaluate(TOO_WIDE), { message: path }).toBe(0)
      }
      expect(await isHarmed()).toBe(false)
      expect(faults).toEqual([])
      await opened.context.close()
    },
    180_000,
  )

  it('show names that are markup as text', async () => {
    const opened = await openPage(browser)
    ;({ page, faults } = opened)
    await page.goto(`${server.url}/workers`)
    for (const path of [
      '/workers',
      '/workers/celery%40w2',
      '/queues',
      '/queues/mail',
      '/schedules',
      '/gateway',
      '/processes?q=tools',
    ]) {
      await go(path, HARMFUL)
    }
    await page.getByRole('button', { name: `Log of web-03:tools:${HARMFUL}`, exact: true }).click()
    await page.locator('.log .lines', { hasText: HARMFUL }).waitFor()
    expect(await isHarmed()).toBe(false)
    expect(faults).toEqual([])
    await opened.context.close()
  })

  describeWith(['chromium'], 'and act', () => {
    beforeAll(async () => {
      ;({ page, faults } = await openPage(browser))
      await page.goto(`${server.url}/workers`)
    })
    beforeEach(() => {
      server.acted.length = 0
    })
    afterAll(() => expect(faults).toEqual([]))

    it('on one worker: its pool, its queues, its limits, its end', async () => {
      await go('/workers/celery%40w2', 'Tasks it knows')
      await button('Grow').click()
      await dialog().getByLabel('By how many slots').fill('2')
      await dialog().getByRole('button', { name: 'Grow', exact: true }).click()
      expect(await acted()).toEqual({ name: 'worker-grow', body: { target: 'celery@w2', count: 2 } })

      await button('Autoscale').click()
      await dialog().getByLabel('At most').fill('20')
      await dialog().getByRole('button', { name: 'Set bounds' }).click()
      expect(await acted()).toEqual({ name: 'worker-autoscale', body: { target: 'celery@w2', min: 4, max: 20 } })

      await button('Add queue').click()
      expect(await dialog().getByRole('button', { name: 'Add queue' }).isDisabled()).toBe(true)
      await dialog().getByLabel('Queue').fill('reports')
      await dialog().getByRole('button', { name: 'Add queue' }).click()
      expect(await acted()).toEqual({ name: 'worker-add-queue', body: { target: 'celery@w2', queue: 'reports' } })

      await button('Leave mail').click()
      await dialog().getByRole('button', { name: 'Leave queue' }).click()
      expect(await acted()).toEqual({ name: 'worker-cancel-queue', body: { target: 'celery@w2', queue: 'mail' } })

      await button('Rate limit of mail.send: 100/m').click()
      await dialog().getByLabel('Rate').fill('lots')
      expect(await dialog().getByRole('button', { name: 'Set limit' }).isDisabled()).toBe(true)
      await dialog().getByLabel('Rate').fill('5/s')
      await dialog().getByRole('button', { name: 'Set limit' }).click()
      expect(await acted()).toEqual({
        name: 'worker-rate-limit',
        body: { target: 'celery@w2', task: 'mail.send', rate: '5/s' },
      })

      await button('Time limits of mail.send: 1m00s').click()
      await dialog().getByLabel('Hard').fill('1.5')
      await dialog().getByRole('button', { name: 'Set limits' }).click()
      expect(await acted()).toEqual({
        name: 'worker-time-limit',
        body: { target: 'celery@w2', task: 'mail.send', softMs: null, hardMs: 1_500 },
      })

      await button('Shut down').click()
      const end = dialog().getByRole('button', { name: 'Shut down' })
      expect(await end.isDisabled()).toBe(true)
      await dialog().getByLabel('Type').fill('celery@w2')
      await end.click()
      expect(await acted()).toEqual({ name: 'worker-shutdown', body: { target: 'celery@w2' } })
    })

    it('on several workers at a time', async () => {
      await go('/workers', 'celery@gpu-1')
      for (const name of ['celery@w1', 'celery@w3'])
        await page.getByRole('checkbox', { name: `Select ${name}` }).check()
      await button('Shrink').click()
      await dialog().getByRole('button', { name: 'Shrink', exact: true }).click()
      expect(await acted()).toEqual({ name: 'worker-shrink', body: { target: ['celery@w1', 'celery@w3'], count: 1 } })
    })

    it('on a queue, when its name was typed', async () => {
      await go('/queues/mail', 'Dead letters: 4')
      await button('Purge…').click()
      const purge = dialog().getByRole('button', { name: 'Purge', exact: true })
      await dialog().getByLabel('Type').fill('mai')
      expect(await purge.isDisabled()).toBe(true)
      await dialog().getByLabel('Type').fill('mail')
      await purge.click()
      expect(await acted()).toEqual({ name: 'queue-purge', body: { target: 'mail' } })
    })

    it('on dead letters: one, and all', async () => {
      await go('/queues/mail', 'Dead letters: 4')
      await page.getByRole('checkbox', { name: /^Select mail\.legacy/ }).check()
      await button('Requeue 1').click()
      await dialog().getByRole('button', { name: 'Requeue', exact: true }).click()
      expect(await acted()).toMatchObject({
        name: 'dead-requeue',
        body: { target: 'mail', keys: [expect.stringMatching(/^[\w-]{36}:TASK_UNKNOWN$/)] },
      })
      await button('Drop all…').click()
      await dialog().getByLabel('Type').fill('mail')
      await dialog().getByRole('button', { name: 'Drop', exact: true }).click()
      expect(await acted()).toEqual({ name: 'dead-drop', body: { target: 'mail', keys: 'all' } })
    })

    it('on schedules', async () => {
      await go('/schedules', 'newsletter')
      const entry = (name: string) =>
        page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) })
      await entry('nightly').getByRole('button', { name: 'Run now' }).click()
      await dialog().getByRole('button', { name: 'Run now' }).click()
      expect(await acted()).toEqual({ name: 'schedule-run', body: { target: 'nightly' } })
      await entry('nightly').getByRole('button', { name: 'Pause' }).click()
      await dialog().getByRole('button', { name: 'Pause' }).click()
      expect(await acted()).toEqual({ name: 'schedule-pause', body: { target: 'nightly' } })
      await entry('newsletter').getByRole('button', { name: 'Resume' }).click()
      await dialog().getByRole('button', { name: 'Resume' }).click()
      expect(await acted()).toEqual({ name: 'schedule-resume', body: { target: 'newsletter' } })
    })

    it('on processes: a rolling batch of those that can be reached, and its end', async () => {
      await go('/processes?q=mail_00', '42 on 6 hosts')
      await page.getByRole('checkbox', { name: 'Select all of mail' }).check()
      await button('Restart the selected').click()
      await dialog().getByText('1 more process cannot be reached').waitFor()
      await dialog().getByLabel('How many at a time').fill('2')
      await dialog().getByRole('button', { name: 'Restart', exact: true }).click()
      expect(await acted()).toEqual({
        name: 'process',
        body: {
          target: ['web-01:mail:mail_00', 'web-02:mail:mail_00', 'web-03:mail:mail_00'],
          verb: 'restart',
          atOnce: 2,
          stopOnFailure: true,
        },
      })
      await button('Cancel the rest').click()
      await expect.poll(() => server.acted.at(-1)).toEqual({ name: 'job-cancel', body: { target: 'job-1' } })
    })

    it('follows a log, in its colours, and finds words in it', async () => {
      await go('/processes?log=web-02:mail:mail_03', 'no such table: outbox')
      await page.locator('.log .ansi-red', { hasText: 'ERROR' }).waitFor()
      await page.getByLabel('Find in the log').fill('smtp')
      await page.getByText('1 of 4 lines').waitFor()
      expect(await page.locator('.log mark').allTextContents()).toEqual(['smtp'])
      await page.getByLabel('Find in the log').fill('')
      await button('stderr').click()
      await page.locator('.log .lines', { hasText: 'NOTE' }).waitFor()
      await button('Close the log').click()
      await page.locator('.log').waitFor({ state: 'detached' })
    })
  })
})
