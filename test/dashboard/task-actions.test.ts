import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import { systemClock } from '../../src/base/clock.ts'
import { deadLetter } from '../../src/broker/dead-letters.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { type Board, openBoard } from './open-board.ts'

/** Longest wait for what is to come, and for a test with several of them. */
const WAIT = { timeout: 60_000 }
const LONG = { timeout: 300_000 }
const XSS = '<img src=x onerror=alert(1)>'

let app: App
let board: Board
let hands: Worker
const seen: unknown[] = []

beforeAll(async () => {
  app = lovage('shop', { broker: 'memory://dashboard-task-actions', sendSentEvent: true }, { env: {} })
  app.task('shop.note', { params: ['what', 'more'] }, (what: unknown, more?: unknown) => {
    seen.push([what, more])
    if (what === 'bad') throw new Error(XSS)
    return what
  })
  app.task('shop.wait', async () => {
    await new Promise((resolve) => currentTask().signal.addEventListener('abort', resolve))
  })
  hands = worker(app, { hostname: 'w1@board', concurrency: 4, events: true })
  await hands.start()
  board = await openBoard({}, { app })
})
afterAll(async () => {
  await board?.close()
  await hands?.stop()
  await app?.close()
})

const send = async (name: string, args: unknown[] = [], kwargs = {}) => (await app.sendTask(name, args, kwargs)).id
const act = async (name: string, body: unknown) => (await board.post(`/api/v1/actions/${name}`, body)).json
const known = (id: string, state: string) =>
  vi.waitFor(async () => expect((await board.ask(`/api/v1/tasks/${id}`)).json).toMatchObject({ state }), WAIT)

it('sends a task again as it was, or with other arguments', LONG, async () => {
  const id = await send('shop.note', [1], { more: { a: [1.5, "it's"] } })
  await known(id, 'SUCCESS')
  expect(await act('task-retry', { target: id })).toMatchObject({
    ok: true,
    text: expect.stringMatching(/sent again as [\da-f-]{36}/) as string,
    each: { [id]: { ok: true } },
  })
  await vi.waitFor(() => expect(seen).toHaveLength(2), WAIT)
  expect(seen[1]).toEqual(seen[0])
  expect(await act('task-retry', { target: id, args: ['other'] })).toMatchObject({ ok: true })
  await vi.waitFor(() => expect(seen[2]).toEqual(['other', { a: [1.5, "it's"] }]), WAIT)
})

it('does not send it with what is not known whole, or not shown', LONG, async () => {
  const cut = await send('shop.note', ['x'.repeat(5_000), null])
  const secret = await send('shop.note', ['y'], { more: { password: 'hunter2' } })
  await known(cut, 'SUCCESS')
  await known(secret, 'SUCCESS')
  const count = seen.length
  expect(await act('task-retry', { target: cut })).toMatchObject({
    ok: false,
    text: expect.stringContaining('args') as string,
  })
  expect(await act('task-retry', { target: secret })).toMatchObject({
    ok: false,
    text: expect.stringContaining('not shown') as string,
  })
  expect(await act('task-retry', { target: 'none' })).toMatchObject({ ok: false })
  expect(seen).toHaveLength(count)
  for (const path of [`/api/v1/tasks/${secret}`, '/api/v1/tasks', '/api/v1/tasks?q=hunter2']) {
    expect((await board.ask(path)).text).not.toContain('hunter2')
  }
  expect((await board.ask('/api/v1/tasks?q=kwargs:hunter2')).json.matching).toBe(0)
})

it('shows no secret of what others tell either', LONG, async () => {
  const { broker } = await app.client()
  await broker.declare({ queues: [{ name: 'ill' }] })
  await app.sendTask('shop.note', [1, 2], {}, { queue: 'ill' })
  const reason = { code: 'TASK_UNKNOWN', message: 'db_password=hunter2 was wrong' }
  await broker.admin?.visit(
    'ill',
    1,
    async (delivery) => void (await deadLetter(broker, delivery, reason, systemClock)),
  )
  const { text } = await board.ask('/api/v1/queues/ill/dead')
  expect(text).toContain('db_password=*** was wrong')
})

it('ends one that runs', LONG, async () => {
  const id = await send('shop.wait')
  await known(id, 'STARTED')
  expect(await act('task-terminate', { target: id })).toMatchObject({ ok: true })
  await known(id, 'REVOKED')
})

it('acts on all that a filter matches, if they are no more than were confirmed', LONG, async () => {
  const ids = [await send('shop.note', ['bad', null]), await send('shop.note', ['bad', null])]
  for (const id of ids) await known(id, 'FAILURE')
  const batch = { target: 'state:FAILURE', verb: 'retry' }
  expect(await act('tasks', { ...batch, count: 1 })).toMatchObject({ code: 'ACTION_REFUSED' })
  expect(await act('tasks', { ...batch, count: 9, target: 'state:NONE' })).toMatchObject({ code: 'ACTION_REFUSED' })
  expect(await act('tasks', { ...batch, count: 9, target: 'state:(' })).toMatchObject({ code: 'FILTER_INVALID' })
  const count = seen.length
  expect(await act('tasks', { ...batch, count: 2 })).toMatchObject({ ok: true, job: expect.any(String) as string })
  await vi.waitFor(() => expect(seen).toHaveLength(count + 2), WAIT)
})

it('tells what anybody may have written as data alone', LONG, async () => {
  const id = await send(`shop.${XSS}`, [XSS], { [XSS]: XSS })
  const failed = await send('shop.note', ['bad', null])
  await known(failed, 'FAILURE')
  await vi.waitFor(
    async () => expect((await board.ask(`/api/v1/tasks/${id}`)).json).toMatchObject({ name: `shop.${XSS}` }),
    WAIT,
  )
  for (const path of [
    '/api/v1/tasks',
    `/api/v1/tasks/${id}`,
    `/api/v1/tasks/${failed}`,
    `/api/v1/tasks/${encodeURIComponent(XSS)}`,
    `/api/v1/tasks?q=${encodeURIComponent(`(${XSS}`)}`,
  ]) {
    const { headers, text } = await board.ask(path)
    expect(headers['content-type'], path).toMatch(/^application\/json/)
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'self';/)
    expect(() => void JSON.parse(text)).not.toThrow()
  }
})
