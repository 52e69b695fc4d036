import { expect } from 'vitest'
import type { ActionInputs, ActionName } from '../../src/dashboard/action-api.ts'
import type { AuditEntry } from '../../src/dashboard/api.ts'
import type { Hand } from './dashboard-page.ts'
import { HOSTS, OURS, PATIENCE, SPARE, THEIR_SPARE, THEIRS, type Fleet } from './dashboard-scene.ts'

const workerPath = (name: string): string => `/workers/${encodeURIComponent(name)}`

/** Both workers that run tasks here, with their queues and what their tasks are called by. */
const BOTH = [
  [OURS, 'jobs', 'shop'],
  [THEIRS, 'py', 'py'],
] as const

/** All tasks that match: one is chosen, the others come along, of both languages. */
export async function actOnAllThatMatch(fleet: Fleet, hand: Hand): Promise<void> {
  const { app } = fleet
  const send = (name: string, args: unknown[], countdown?: number): string[] =>
    BOTH.map(([, queue, prefix]) => {
      const options = { queue, ...(countdown && { countdown: `${countdown}s` as const }) }
      return app.sendTask(`${prefix}.${name}`, args, {}, options).id
    })
  const all = async (filter: string, count: number, word: string, verb: string): Promise<void> => {
    await hand.go(`/tasks?q=${encodeURIComponent(filter)}`, `${count} match of`)
    await hand.page
      .getByRole('checkbox', { name: /^Select (shop|py)\./ })
      .first()
      .check()
    await hand.button(`Select all ${count} that match`).click()
    await hand.act(hand.button(word, hand.page.getByRole('toolbar', { name: 'Selected tasks' })), verb)
    await hand.sees(`${count} of ${count} items done`)
  }

  send('fail', ['many-a'])
  send('fail', ['many-b'])
  await all('state:FAILURE args:many-', 4, 'Retry', 'Retry 4 tasks')
  for (const [worker] of BOTH) await expect.poll(() => fleet.ran(worker, 'fail many-'), PATIENCE).toBe(4)

  const later = [...send('note', ['many-later'], 600), ...send('note', ['many-later'], 600)]
  await all('name:note args:many-later', 4, 'Revoke', 'Revoke 4 tasks')
  for (const [worker] of BOTH) {
    const revoked = () => fleet.asked(worker, (inspect) => inspect.revoked())
    await expect.poll(revoked, PATIENCE).toEqual(expect.arrayContaining(later))
  }

  // Those of before may still be told to run when they do no more: they would be counted in.
  await hand.go(`/tasks?q=${encodeURIComponent('name:hold state:STARTED')}`, /(^|\D)0 match of/)
  send('hold', [])
  await all('name:hold state:STARTED', 2, 'Terminate', 'Terminate 2 tasks')
  for (const [worker] of BOTH) {
    await expect.poll(() => fleet.asked(worker, (inspect) => inspect.active()), PATIENCE).toEqual([])
  }
}

/** How long tasks may take, and new processes for those that run them. */
export async function actOnLimitsAndPools(fleet: Fleet, hand: Hand): Promise<void> {
  const pids = async (worker: string): Promise<number[]> => {
    const { pool } = (await fleet.asked(worker, (inspect) => inspect.stats())) ?? {}
    return (pool as { processes?: number[] } | undefined)?.processes ?? []
  }
  const restart = async (worker: string): Promise<void> => {
    const before = await pids(worker)
    expect(before).not.toEqual([])
    await hand.act('Restart pool', 'Restart pool')
    // Celery's children go each with the next task that it has; the first is given one to go with.
    await expect.poll(async () => (await pids(worker)).some((pid) => !before.includes(pid)), PATIENCE).toBe(true)
  }
  for (const [worker, queue, prefix] of BOTH) {
    const task = `${prefix}.long`
    const limits = () => fleet.asked(worker, (inspect) => inspect.registered('soft_time_limit', 'time_limit'))
    await hand.go(workerPath(worker), task)
    await hand.act(`Time limits of ${task}: none`, 'Set limits', { Soft: '1', Hard: '300' })
    await expect.poll(limits, PATIENCE).toContain(`${task} [soft_time_limit=1 time_limit=300]`)
    // Celery's workers tell the new limits at once, and go by them when they have read their tasks anew.
    if (worker === THEIRS) await restart(worker)
    const held = fleet.app.sendTask(task, [], {}, { queue })
    await expect(held.get({ timeout: '45s' })).rejects.toMatchObject({ excType: 'SoftTimeLimitExceeded' })
    await hand.act(`Time limits of ${task}: soft 1.0s, 5m00s`, 'Set limits', { Soft: '', Hard: '' })
    await expect.poll(limits, PATIENCE).toContain(task)
    await hand.button(`Time limits of ${task}: none`).waitFor()
  }
  await hand.go(workerPath(SPARE), SPARE)
  await restart(SPARE)

  await hand.go(workerPath(THEIR_SPARE), 'pyspare')
  await hand.act('Autoscale', 'Set bounds', { 'At least': '2', 'At most': '3' })
  const scaler = async () => (await fleet.asked(THEIR_SPARE, (inspect) => inspect.stats()))?.['autoscaler']
  await expect.poll(scaler, PATIENCE).toMatchObject({ min: 2, max: 3 })
  await expect.poll(async () => (await pids(THEIR_SPARE)).length, PATIENCE).toBe(2)
}

/** A batch that is cancelled: what has begun goes on to its end, and nothing further begins. */
export async function actOnBatches(fleet: Fleet, hand: Hand): Promise<void> {
  const states = () => Promise.all(HOSTS.map((host) => fleet.stateOf(host, 'stubborn')))
  const pids = () => Promise.all(HOSTS.map((host) => fleet.pidOf(host, 'stubborn')))
  const before = await pids()
  await hand.go('/processes', '6 on 2 hosts')
  await hand.act('Restart stubborn', 'Restart')
  await expect.poll(states, PATIENCE).toContain('STOPPING')
  const begun = (await states()).indexOf('STOPPING')
  await hand.button('Cancel the rest').click()
  await hand.page.locator('.toast', { hasText: 'Nothing further of it is begun' }).waitFor()
  await hand.page
    .locator('.toast')
    .evaluateAll((toasts) => toasts.forEach((toast) => toast.querySelector('button')?.click()))
  process.kill(before[begun] ?? 0, 'SIGKILL')
  await hand.sees('2 of 2 items done', 'cancelled')
  const after = await pids()
  expect(after[begun]).not.toBe(before[begun])
  expect(after[1 - begun]).toBe(before[1 - begun])
  expect(await states()).toEqual(['RUNNING', 'RUNNING'])
}

/** A worker that is killed says nothing: it is offline, then it is gone. */
export async function killOne(fleet: Fleet, hand: Hand): Promise<void> {
  expect(await metrics(fleet)).toContain(THEIR_SPARE)
  await fleet.workers[THEIR_SPARE]?.kill()
  await hand.go(workerPath(THEIR_SPARE), 'offline')
}

export async function metrics(fleet: Fleet): Promise<string> {
  return (await fetch(`${fleet.url}/metrics`)).text()
}

/** The end, as the page asks for it, of those that are needed no more. */
export async function endWorkers(fleet: Fleet, hand: Hand): Promise<void> {
  await hand.go(workerPath(THEIRS), THEIRS)
  await hand.act('Shut down', 'Shut down', { Type: THEIRS })
  expect(await fleet.workers[THEIRS]?.ended({ timeoutMs: PATIENCE.timeout })).toMatchObject({ code: 0 })

  // One that has something to do, and does not end it.
  const [held, letGo] = [fleet.ran(OURS, 'hold'), fleet.ran(OURS, 'let go')]
  const { id } = fleet.app.sendTask('shop.hold')
  await expect.poll(() => fleet.ran(OURS, 'hold'), PATIENCE).toBe(held + 1)
  await hand.go(workerPath(OURS), OURS)
  await hand.act('Shut down', 'Shut down', { 'Cut off what runs': 'yes', Type: OURS })
  expect(await fleet.workers[OURS]?.ended({ timeoutMs: PATIENCE.timeout })).toMatchObject({ code: 0 })
  expect(fleet.ran(OURS, 'let go')).toBe(letGo + 1)
  expect(await fleet.depth('jobs')).toBeGreaterThan(0)
  await hand.go(`/tasks/${id}`, 'task-started')
}

const verbs = (all: Readonly<Record<string, true>>): string[] => Object.keys(all)
const TASK_VERBS = verbs({ retry: true, revoke: true, terminate: true } satisfies Record<Verb<'tasks'>, true>)
const PROCESS_VERBS = verbs({ start: true, stop: true, restart: true, clear: true } satisfies Record<
  Verb<'process'>,
  true
>)
type Verb<Name extends 'tasks' | 'process'> = ActionInputs[Name]['verb']

const LANGUAGES = [OURS, THEIRS]
const ANY = ['']

/** Every action there is, and what it is done to here: a row that is missing is an error of types. */
const EVERY: Readonly<Record<ActionName, readonly string[]>> = {
  'task-retry': ANY,
  'task-revoke': ANY,
  'task-terminate': ANY,
  tasks: TASK_VERBS,
  'worker-grow': LANGUAGES,
  'worker-shrink': LANGUAGES,
  'worker-autoscale': [SPARE, THEIR_SPARE],
  'worker-add-queue': LANGUAGES,
  'worker-cancel-queue': LANGUAGES,
  'worker-rate-limit': LANGUAGES,
  'worker-time-limit': LANGUAGES,
  'worker-pool-restart': [SPARE, THEIRS],
  'worker-shutdown': [SPARE, THEIRS, `cold ${OURS}`],
  'queue-purge': ['mail'],
  'queue-delete': ['mail'],
  'dead-requeue': ['mail', 'all of mail'],
  'dead-drop': ['mail', 'all of jobs'],
  'schedule-pause': ['pulse'],
  'schedule-resume': ['pulse'],
  'schedule-run': ['nightly'],
  process: HOSTS.flatMap((host) => PROCESS_VERBS.map((verb) => `${verb} ${host}:`)),
  'job-cancel': ANY,
}

/** Of all that can be done from the pages what was not done here, to the last one: it is in the audit log as done. */
export async function notDone(fleet: Fleet): Promise<string[]> {
  const answer = await fetch(`${fleet.url}/api/v1/audit?limit=1000`)
  const { entries } = (await answer.json()) as { entries: readonly AuditEntry[] }
  const done = entries
    .filter(({ outcome, text }) => outcome === 'done' && !text.endsWith(': begun'))
    .flatMap(({ action, target, options }) => {
      const { verb, how, keys } = options as { verb?: string; how?: string; keys?: unknown }
      const words = [verb ?? [], how ?? [], keys === 'all' ? ['all', 'of'] : []].flat()
      return target.split(', ').map((one) => ({ action, whom: [...words, one].join(' ') }))
    })
  const isDone = (name: string, begin: string): boolean =>
    done.some(({ action, whom }) => action === name && whom.startsWith(begin))
  return Object.entries(EVERY).flatMap(([name, all]) =>
    all.filter((begin) => !isDone(name, begin)).map((begin) => `${name} ${begin}`.trim()),
  )
}
