import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventCutter } from '../../web/live/event-stream.ts'
import { describeWith } from '../services/available.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { buildPages, openBrowser, openPage, pressBoth } from './browser.ts'
import { overview } from './fleet-facts.ts'
import { FixtureServer } from './fixture-server.ts'

describe('events are cut from a stream', () => {
  const whole = 'id: 7.1\r\nevent: tasks\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: here\n\nevent: hello\ndata: {}\n\n'

  it.each([1, 2, 3, 7, whole.length])('that comes in pieces of %i', (size) => {
    const cutter = new EventCutter()
    const found = []
    for (let at = 0; at < whole.length; at += size) found.push(...cutter.cut(whole.slice(at, at + size)))
    expect(found).toEqual([
      { name: 'tasks', data: '{"a":\n1}', id: '7.1' },
      { name: 'hello', data: '{}', id: '7.1' },
    ])
  })
})

describeWith(['chromium'], 'the stream of a tab', () => {
  let browser: Browser
  let server: FixtureServer
  const folder = temporaryFolder()

  beforeAll(async () => {
    await buildPages(folder)
    server = new FixtureServer(folder, 300)
    await server.start()
    browser = await openBrowser()
  }, 180_000)
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  const withRate = (sent: number) => {
    const facts = overview(Date.now())
    return { ...facts, rates: { ...facts.rates, sent } }
  }

  it('brings what is new; is one for all of a page, and asks for what is on it', async () => {
    const { context, page, faults } = await openPage(browser)
    await page.goto(`${server.url}/?range=6h`)
    await page.locator('.flow.is-live').waitFor()
    await expect.poll(() => server.streamed()).toBe('jobs,overview')
    expect(server.streams.at(-1)?.url.searchParams.get('range')).toBe('6h')
    server.push('overview', withRate(4_711))
    await page.getByText('4,711/s').first().waitFor()
    const opened = server.streams.length
    await pressBoth(page, 'g', 't')
    await page.getByRole('heading', { name: 'Tasks' }).waitFor()
    await expect.poll(() => server.streamed()).toBe('jobs,tasks')
    // A page that takes its time to come leaves a stream of what is on every page in between.
    const since = server.streams.slice(opened).map(({ url }) => url.searchParams.get('topics'))
    expect(since.filter((topics) => topics !== 'jobs')).toEqual(['jobs,tasks'])
    expect(faults).toEqual([])
    await context.close()
  }, 180_000)

  it('lost, is said to be so with the age of the data; comes back by itself, resumes, and says so', async () => {
    const { context, page, faults } = await openPage(browser)
    await page.goto(server.url)
    await page.locator('.flow.is-live').waitFor()
    await expect.poll(() => server.streamed()).toBe('jobs,overview')
    server.push('overview', withRate(1_011))
    await page.getByText('1,011/s').first().waitFor()
    server.leave()
    await page.getByText(/data as of \d\d:\d\d:\d\d/).waitFor()
    await page.locator('.page.is-stale').waitFor()
    server.comeBack()
    await page.getByText('Reconnected').waitFor()
    expect(server.streams.at(-1)?.lastId).toBeDefined()
    await page.locator('.banner').waitFor({ state: 'detached' })
    await page.locator('.is-stale').waitFor({ state: 'detached' })
    server.push('overview', withRate(1_012))
    await page.getByText('1,012/s').first().waitFor()
    expect(faults.filter((fault) => !/ERR_/.test(fault))).toEqual([])
    await context.close()
  }, 180_000)

  it('stopped by hand nothing moves; let go, what came meanwhile is there', async () => {
    const { context, page } = await openPage(browser)
    await page.goto(server.url)
    await page.locator('.flow.is-live').waitFor()
    await page.keyboard.press('p')
    await page.locator('.flow.is-paused').waitFor()
    expect(await page.locator('.banner').count()).toBe(0)
    await page.keyboard.press('p')
    await page.locator('.flow.is-live').waitFor()
    await context.close()
  }, 180_000)
})
