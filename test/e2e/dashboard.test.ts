import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith } from '../services/available.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { openBrowser } from '../web/browser.ts'
import { actOnProcesses, actOnQueues, actOnSchedules, actOnTasks, actOnWorkers } from './dashboard-acts.ts'
import {
  actOnAllThatMatch,
  actOnBatches,
  actOnLimitsAndPools,
  endWorkers,
  killOne,
  metrics,
  notDone,
} from './dashboard-more-acts.ts'
import { Hand } from './dashboard-page.ts'
import { Fleet, HOSTS, OURS, PATIENCE, SPARE, THEIR_SPARE, THEIRS } from './dashboard-scene.ts'

const LONG = 400_000

describeWith(['rabbitmq', 'redis', 'celery', 'supervisor', 'chromium'], 'the dashboard of a real fleet', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  describeWith(['rabbitmq'], 'over RabbitMQ', () => board(() => brokerUrl(import.meta.url), true))
  describeWith(['redis'], 'over Redis', () => board(async (redis) => redis.url(0), false))

  /** @param isExamined whether axe looks at each page: over one broker, because it takes long and pages know none */
  function board(brokerOf: Parameters<typeof Fleet.start>[0], isExamined: boolean): void {
    let fleet: Fleet
    let hand: Hand

    beforeAll(async () => {
      fleet = await Fleet.start(brokerOf)
      hand = await Hand.open(browser, fleet.url)
    }, LONG)
    afterAll(async () => {
      await hand?.close()
      await fleet?.stop()
    }, LONG)

    it('shows what there is on every page', { timeout: LONG }, async () => {
      const { app } = fleet
      expect(await (await fetch(`${fleet.gatewayUrl}/add?x=40&y=2`)).text()).toContain('42')
      const failed = app.sendTask('shop.fail', ['x'])
      const theirs = app.sendTask('py.note', ['hello'], {}, { queue: 'py' })
      const unknown = app.sendTask('shop.nobody', ['knows'], {}, { queue: 'mail' })
      await Promise.allSettled([failed.get({ timeout: '40s' }), unknown.get({ timeout: '40s' })])
      expect(await theirs.get({ timeout: '40s' })).toBe('hello')

      const pages: readonly (readonly [path: string, ...there: (string | RegExp)[]])[] = [
        ['/', OURS, THEIRS, 'shop.fail', 'jobs'],
        ['/tasks', 'shop.add', 'shop.fail', 'py.note', 'no such word: x'],
        [`/tasks/${failed.id}`, 'no such word: x', 'Traceback', OURS, 'task-failed'],
        [`/tasks/${theirs.id}`, 'hello', THEIRS, 'task-succeeded'],
        ['/workers', OURS, SPARE, THEIRS, 'prefork', 'async'],
        [`/workers/${encodeURIComponent(OURS)}`, 'shop.note', 'Slots: 0 of 4 busy', 'mail'],
        [`/workers/${encodeURIComponent(THEIRS)}`, 'py.note', 'Slots: 0 of 2 busy', 'prefork'],
        ['/queues', 'jobs', 'mail', 'spare', 'py'],
        ['/queues/mail', 'Dead letters: 1', 'shop.nobody', 'TASK_UNKNOWN', OURS],
        ['/schedules', 'pulse', 'nightly', 'At 02:30', 'shop.tick'],
        ['/gateway', '/add', '200', '1 gateway'],
        ['/processes', '6 on 2 hosts', 'clock', 'manual', ...HOSTS],
        ['/processes?view=host', 'clock', 'manual', ...HOSTS],
        ['/processes?view=state', 'running', 'stopped'],
        ['/audit', 'Nothing was changed yet.'],
      ]
      for (const [path, ...there] of pages) {
        await hand.go(path, ...there)
        if (isExamined) expect.soft({ path, violations: await hand.violations() }).toEqual({ path, violations: [] })
      }
      expect(hand.faults).toEqual([])
    })

    // Those that are gone early have been for long enough at the end.
    it.each([
      ['time limits and pools', actOnLimitsAndPools],
      ['workers of both languages', actOnWorkers],
      ['a worker that is killed', killOne],
      ['tasks', actOnTasks],
      ['all tasks that match', actOnAllThatMatch],
      ['queues and dead letters', actOnQueues],
      ['schedules', actOnSchedules],
      ['processes of both supervisors', actOnProcesses],
      ['a batch that is cancelled', actOnBatches],
    ] as const)('acts on %s', { timeout: LONG }, async (_what, act) => {
      await act(fleet, hand)
      expect(hand.faults).toEqual([])
    })

    it(
      'lets workers that are gone leave pages and metrics, whether they said so or not',
      { timeout: LONG },
      async () => {
        await hand.go('/workers', THEIRS)
        for (const gone of [SPARE, THEIR_SPARE]) {
          await hand.page.locator('#main', { hasText: gone }).waitFor({ state: 'detached' })
          await expect.poll(() => metrics(fleet), PATIENCE).not.toContain(gone)
        }
        expect(await metrics(fleet)).toContain(THEIRS)
      },
    )

    it('keeps what it knew through a kill, and open pages come back by themselves', { timeout: LONG }, async () => {
      const { page } = hand
      const before = fleet.app.sendTask('shop.note', ['before the kill'])
      await hand.go('/tasks?q=name%3Ashop.note', 'before the kill')
      await hand.go(`/tasks/${before.id}`, 'task-succeeded')
      const held = fleet.app.sendTask('py.note', ['also before'], {}, { queue: 'py' })
      await hand.go(`/tasks/${held.id}`, 'task-received')
      await hand.go('/workers', THEIRS)
      // What was heard is on disk a second later, and what was heard before it.
      await expect.poll(() => fleet.isWritten(held.id), PATIENCE).toBe(true)
      await fleet.killDashboard()
      await page.locator('.banner', { hasText: 'Reconnecting…' }).waitFor()
      await page.locator('#main .stale', { hasText: 'the connection to the dashboard is lost' }).waitFor()
      // It is said for some seconds only, and perhaps before the dashboard has said that it is there.
      const toast = page.locator('.toast', { hasText: 'Reconnected: what you see is live again.' })
      await Promise.all([toast.waitFor(), fleet.startDashboard()])
      await page.locator('.banner').waitFor({ state: 'detached' })
      await hand.go('/tasks?q=name%3Ashop.note', 'before the kill')
      await hand.go(`/tasks/${before.id}`, 'before the kill', 'task-received')
      const after = fleet.app.sendTask('py.note', ['after the kill'], {}, { queue: 'py' })
      await hand.go(`/tasks/${after.id}`, 'after the kill')
      await hand.go('/workers', THEIRS)
    })

    it('looks stale while the broker is gone, and says why', { timeout: LONG }, async () => {
      const { page } = hand
      await hand.go('/workers', THEIRS)
      await page.locator('#main .stale').waitFor({ state: 'detached' })
      fleet.wire.mode = 'refusing'
      fleet.wire.cut()
      await page.locator('#main.is-stale .stale', { hasText: /old: .*broker/ }).waitFor()
      await hand.go('/queues', /old: .*broker/)
      fleet.wire.mode = 'open'
      await page.locator('#main .stale').waitFor({ state: 'detached' })
      expect(hand.faults).toEqual([])
    })

    it('has done, and written down, every action that there is', { timeout: LONG }, async () => {
      await endWorkers(fleet, hand)
      await hand.go('/audit', 'worker-shutdown')
      await expect.poll(() => notDone(fleet), PATIENCE).toEqual([])
      expect(hand.faults).toEqual([])
    })
  }
})
