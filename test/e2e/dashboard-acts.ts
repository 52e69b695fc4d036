import { expect } from 'vitest'
import type { Hand } from './dashboard-page.ts'
import { HOSTS, OURS, PATIENCE, SPARE, THEIRS, type Fleet } from './dashboard-scene.ts'

const task = (id: string): string => `/tasks/${id}`
const workerPath = (name: string): string => `/workers/${encodeURIComponent(name)}`

/** Sent again, revoked and ended: by the page, and seen in the workers of both languages. */
export async function actOnTasks(fleet: Fleet, hand: Hand): Promise<void> {
  const { app } = fleet
  const seen = async (worker: string, what: string, times: number): Promise<void> => {
    await expect.poll(() => fleet.ran(worker, what), PATIENCE).toBe(times)
  }
  for (const [worker, queue, prefix] of [
    [OURS, 'jobs', 'shop'],
    [THEIRS, 'py', 'py'],
  ] as const) {
    const send = (name: string, args: unknown[] = [], countdown?: number) =>
      app.sendTask(`${prefix}.${name}`, args, {}, { queue, ...(countdown && { countdown: `${countdown}s` as const }) })

    const failed = send('fail', ['again'])
    await hand.go(task(failed.id), 'task-failed')
    await hand.act('Retry', 'Retry 1 task')
    await seen(worker, 'fail again', 2)
    await hand.act('Retry with other arguments', 'Send it', { 'Positional arguments': '["edited"]' })
    await seen(worker, 'fail edited', 1)

    const later = send('note', ['never'], 600)
    await hand.go(task(later.id), 'task-sent', 'Revoke')
    await hand.act('Revoke', 'Revoke 1 task')
    await expect.poll(() => fleet.asked(worker, (inspect) => inspect.revoked()), PATIENCE).toContain(later.id)

    const held = send('hold')
    await hand.go(task(held.id), 'task-started')
    await seen(worker, 'hold', 1)
    await hand.act('Terminate', 'Terminate 1 task')
    await hand.sees('task-revoked')
    await expect.poll(() => fleet.asked(worker, (inspect) => inspect.active()), PATIENCE).toEqual([])
  }
  await expect.poll(() => fleet.ran(OURS, 'let go'), PATIENCE).toBe(1)
}

/** What waits where nobody reads it, and what ended in the dead letters. */
export async function actOnQueues(fleet: Fleet, hand: Hand): Promise<void> {
  const { app } = fleet
  for (const word of ['two', 'three', 'four']) app.sendTask('shop.nobody', [word], {}, { queue: 'mail' })
  app.sendTask('shop.nobody', ['here'], {}, { queue: 'jobs' })
  await hand.go('/queues/mail')
  await expect.poll(() => fleet.depth('mail.dead'), PATIENCE).toBe(4)
  await hand.go(workerPath(OURS), 'mail')
  await hand.act('Leave mail', 'Leave queue')
  const queues = async () => (await fleet.asked(OURS, (inspect) => inspect.activeQueues()))?.map(({ name }) => name)
  await expect.poll(queues, PATIENCE).toEqual(['jobs'])

  await hand.go('/queues/mail', 'Dead letters: 4')
  await hand.page
    .getByRole('checkbox', { name: /^Select shop.nobody/ })
    .first()
    .check()
  await hand.act('Requeue 1', 'Requeue')
  await expect.poll(() => fleet.depth('mail'), PATIENCE).toBe(1)
  await hand.sees('Dead letters: 3')
  await hand.page
    .getByRole('checkbox', { name: /^Select shop.nobody/ })
    .first()
    .check()
  await hand.act('Drop 1', 'Drop')
  await hand.sees('Dead letters: 2')
  await hand.act('Requeue all', 'Requeue')
  await hand.sees('Dead letters: none')
  await expect.poll(() => fleet.depth('mail.dead'), PATIENCE).toBe(0)
  await expect.poll(() => fleet.depth('mail'), PATIENCE).toBe(3)

  await hand.act('Purge…', 'Purge', { Type: 'mail' })
  await expect.poll(() => fleet.depth('mail'), PATIENCE).toBe(0)
  await hand.act('Delete…', 'Delete', { Type: 'mail' })
  await expect.poll(() => fleet.depth('mail'), PATIENCE).toBeOneOf([null, 0])

  await hand.go('/queues/jobs', 'Dead letters: 1')
  await hand.act('Drop all…', 'Drop', { Type: 'jobs' })
  await hand.sees('Dead letters: none')
  await expect.poll(() => fleet.depth('jobs.dead'), PATIENCE).toBe(0)
}

/** Paused, resumed and run at once: by the page, and seen in the ledger and in the worker. */
export async function actOnSchedules(fleet: Fleet, hand: Hand): Promise<void> {
  const bar = (name: string) => hand.page.getByRole('toolbar', { name: `Actions on ${name}` })
  const isPaused = async () => (await fleet.schedules.get('pulse')).isPaused
  await hand.go('/schedules', 'pulse', 'nightly')
  await hand.act(hand.button('Pause', bar('pulse')), 'Pause')
  expect(await isPaused()).toBe(true)
  await hand.act(hand.button('Run now', bar('nightly')), 'Run now')
  await expect.poll(() => fleet.ran(OURS, 'tick nightly'), PATIENCE).toBe(1)
  const pulses = fleet.ran(OURS, 'tick pulse')
  await hand.act(hand.button('Resume', bar('pulse')), 'Resume')
  expect(await isPaused()).toBe(false)
  await expect.poll(() => fleet.ran(OURS, 'tick pulse'), PATIENCE).toBeGreaterThan(pulses)
}

/** Started, restarted and stopped, one and many; logs as they are written. */
export async function actOnProcesses(fleet: Fleet, hand: Hand): Promise<void> {
  const { page } = hand
  await hand.go('/processes', '6 on 2 hosts')
  for (const host of HOSTS) {
    await hand.act(`Start ${host}:manual:manual`, 'Start')
    await expect.poll(() => fleet.stateOf(host, 'manual'), PATIENCE).toBe('RUNNING')
    await hand.button(`Stop ${host}:manual:manual`).waitFor()
    await hand.act(`Stop ${host}:manual:manual`, 'Stop')
    await expect.poll(() => fleet.stateOf(host, 'manual'), PATIENCE).toBe('STOPPED')
  }
  const pids = () => Promise.all(HOSTS.map((host) => fleet.pidOf(host, 'clock')))
  const before = await pids()
  await hand.act('Restart clock', 'Restart')
  await expect.poll(async () => (await pids()).every((pid, at) => pid && pid !== before[at]), PATIENCE).toBe(true)

  for (const host of HOSTS) {
    await hand.button(`Log of ${host}:clock:clock`).click()
    const lines = page.locator('.log .lines')
    await lines
      .getByText(/^tick \d+$/)
      .first()
      .waitFor()
    const last = () => lines.locator('div').last().innerText()
    const now = await last()
    await expect.poll(last, PATIENCE).not.toBe(now)
    const first = async () => (await fleet.hosts.tail(host, 'clock', 'stdout', 0, 10_000)).text
    expect(await first()).toContain('tick 1\n')
    await hand.act('Clear', 'Clear')
    await expect.poll(first, PATIENCE).not.toContain('tick 1\n')
    await hand.button('Close the log').click()
  }
}

/** Larger and smaller pools, more and fewer queues, limits, and the end: each worker asked for itself. */
export async function actOnWorkers(fleet: Fleet, hand: Hand): Promise<void> {
  const stats = async (worker: string): Promise<Record<string, unknown>> =>
    (await fleet.asked(worker, (inspect) => inspect.stats())) ?? {}
  const slots = async (worker: string) => (await stats(worker))['pool'] as Record<string, unknown> | undefined
  // Celery's prefork tells its size by the processes that it has.
  const size = async (worker: string) => {
    const { processes, 'max-concurrency': most } = (await slots(worker)) ?? {}
    return worker === THEIRS ? (processes as unknown[] | undefined)?.length : most
  }
  const queues = async (worker: string) =>
    (await fleet.asked(worker, (inspect) => inspect.activeQueues()))?.map(({ name }) => name)
  for (const [worker, before, note] of [
    [OURS, 4, 'shop.note'],
    [THEIRS, 2, 'py.note'],
  ] as const) {
    await hand.go(workerPath(worker), note, `of ${before} busy`)
    await hand.act('Grow', 'Grow', { 'By how many slots': '2' })
    await expect.poll(() => size(worker), PATIENCE).toBe(before + 2)
    await hand.sees(`of ${before + 2} busy`)
    await hand.act('Shrink', 'Shrink', { 'By how many slots': '1' })
    await expect.poll(() => size(worker), PATIENCE).toBe(before + 1)

    await hand.act('Add queue', 'Add queue', { Queue: 'extra' })
    await expect.poll(() => queues(worker), PATIENCE).toContain('extra')
    await hand.button('Leave extra').waitFor()
    await hand.act('Leave extra', 'Leave queue')
    await expect.poll(() => queues(worker), PATIENCE).not.toContain('extra')

    await hand.act(`Rate limit of ${note}: none`, 'Set limit', { Rate: '50/s' })
    const limits = () => fleet.asked(worker, (inspect) => inspect.registered('rate_limit'))
    await expect.poll(limits, PATIENCE).toContain(`${note} [rate_limit=50/s]`)
    await hand.button(`Rate limit of ${note}: 50/s`).waitFor()
  }
  // A worker takes bounds only where it was started with some, and says so.
  await hand.go(workerPath(THEIRS), 'py.note')
  const bounds = { 'At least': '2', 'At most': '9' }
  expect(await hand.act('Autoscale', 'Set bounds', bounds)).toContain('Autoscale not enabled')

  await hand.go(workerPath(SPARE), 'spare')
  await hand.act('Autoscale', 'Set bounds', bounds)
  await expect.poll(async () => (await stats(SPARE))['autoscaler'], PATIENCE).toMatchObject({ min: 2, max: 9 })
  await hand.act('Shut down', 'Shut down', { Type: SPARE })
  expect(await fleet.workers[SPARE]?.ended({ timeoutMs: PATIENCE.timeout })).toMatchObject({ code: 0 })
}
