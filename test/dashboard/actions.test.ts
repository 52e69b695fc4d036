import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { deadLetter } from '../../src/broker/dead-letters.ts'
import { ACTION_ROLES } from '../../src/dashboard/action-api.ts'
import type { AuditEntry, Job } from '../../src/dashboard/api.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { asked, hosts, lets, schedules } from './fake-sources.ts'
import { type Board, openBoard, PASSWORD, threeUsers, TOKEN, TOKENS } from './open-board.ts'

const WORKER = 'w1@board'
/** Asks that worker alone. */
const ONE = { destination: WORKER, timeout: '60s' } as const
/** Longest wait for what is to come, and for a test with several of them. */
const WAIT = { timeout: 60_000 }
const LONG = { timeout: 300_000 }

let app: App
let board: Board
let running: Worker
const as = (user: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${PASSWORD}`).toString('base64')}` })
const act = async (name: string, body: unknown, user = 'ana') =>
  (await board.post(`/api/v1/actions/${name}`, body, as(user))).json

beforeAll(async () => {
  app = lovage('shop', { broker: 'memory://dashboard-actions' }, { env: {} })
  app.task('shop.add', (x: number, y: number) => x + y)
  running = worker(app, { hostname: WORKER, concurrency: 4, events: true })
  await running.start()
  board = await openBoard({ users: await threeUsers(), tokens: TOKENS }, { app, schedules, hosts })
})
afterAll(async () => {
  await board?.close()
  await running?.stop()
  await app?.close()
})

const audit = (): AuditEntry[] =>
  readFileSync(join(board.folder, 'data', 'audit.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry)

describe('actions on workers', () => {
  it('change the pool, the queues and the limits of one that answers', LONG, async () => {
    expect(await act('worker-grow', { target: WORKER, count: 2 })).toMatchObject({
      ok: true,
      each: { [WORKER]: { ok: true } },
    })
    const stats = await app.control.inspect(ONE).stats()
    expect(stats[WORKER]).toMatchObject({ pool: { 'max-concurrency': 6 } })
    expect(await act('worker-shrink', { target: [WORKER] })).toMatchObject({ ok: true })
    expect(await act('worker-add-queue', { target: WORKER, queue: 'mail' })).toMatchObject({
      ok: true,
      text: expect.stringContaining('mail') as string,
    })
    const queues = async () => (await app.control.inspect(ONE).activeQueues())[WORKER]?.map(({ name }) => name)
    expect(await queues()).toEqual(['celery', 'mail'])
    expect(await act('worker-cancel-queue', { target: WORKER, queue: 'mail' })).toMatchObject({ ok: true })
    expect(await queues()).toEqual(['celery'])
    expect(await act('worker-rate-limit', { target: WORKER, task: 'shop.add', rate: '10/m' })).toMatchObject({
      ok: true,
    })
    expect(
      await act('worker-time-limit', { target: WORKER, task: 'shop.add', softMs: 1_000, hardMs: null }),
    ).toMatchObject({ ok: true })
  })

  it('tell what each worker has answered, and who has not', LONG, async () => {
    const answer = await act('worker-autoscale', { target: [WORKER, 'gone@board'], min: 1, max: 4 })
    expect(answer).toMatchObject({
      ok: false,
      each: {
        [WORKER]: { ok: false, text: expect.stringContaining('utoscale') as string },
        'gone@board': { ok: false },
      },
    })
  })
})

describe('actions on queues', () => {
  it('purge and delete, but not under somebody who reads', LONG, async () => {
    const { broker } = await app.client()
    await broker.declare({ queues: [{ name: 'old' }] })
    await app.sendTask('shop.add', [1, 2], {}, { queue: 'old' })
    expect(await act('queue-purge', { target: 'old' })).toEqual({ ok: true, text: '1 dropped from old' })
    expect(await act('queue-delete', { target: 'old' })).toMatchObject({ ok: true })
    expect(await broker.admin?.depth('old')).toBeUndefined()
    expect(await act('queue-delete', { target: 'celery' })).toMatchObject({ code: 'ACTION_REFUSED' })
    expect(await act('queue-purge', { target: 'old' })).toMatchObject({ code: 'ACTION_REFUSED' })
  })

  it('send dead letters back, or drop them', LONG, async () => {
    const { broker } = await app.client()
    await broker.declare({ queues: [{ name: 'ill' }] })
    const ids = await Promise.all(
      [1, 2].map(async (x) => (await app.sendTask('shop.sub', [x, 2], {}, { queue: 'ill' })).id),
    )
    await broker.admin?.visit(
      'ill',
      2,
      async (delivery) =>
        void (await deadLetter(broker, delivery, { code: 'TASK_UNKNOWN', message: 'x' }, systemClock)),
    )
    const keys = [`${ids[0]}:TASK_UNKNOWN`]
    expect(await act('dead-requeue', { target: 'ill', keys })).toEqual({
      ok: true,
      text: '1 sent back to where they came from',
    })
    expect(await broker.admin?.depth('ill')).toMatchObject({ messages: 1 })
    expect(await act('dead-requeue', { target: 'ill', keys })).toMatchObject({
      ok: false,
      text: expect.stringContaining('0 of 1') as string,
    })
    expect(await act('dead-drop', { target: 'ill', keys: 'all' })).toEqual({ ok: true, text: '1 dropped' })
  })
})

describe('actions on schedules and processes', () => {
  it('ask those who have them', async () => {
    await act('schedule-pause', { target: 'nightly' })
    await act('schedule-resume', { target: 'nightly' })
    expect(await act('schedule-run', { target: 'nightly' })).toEqual({ ok: true, text: 'nightly runs now' })
    expect(asked.splice(0)).toEqual(['pause nightly', 'resume nightly', 'run nightly'])
  })

  const over = (id: string): Promise<Job> =>
    vi.waitFor(async () => {
      const { json } = await board.ask('/api/v1/jobs', { headers: as('vera') })
      const job = (json.jobs as Job[]).find((each) => each.id === id)
      if (!job?.isOver) throw new Error('it is not over')
      return job
    }, WAIT)
  const shownOf = ({ items }: Job) => items.map(({ target, status, text }) => `${target} ${status} ${text}`)

  it('go one by one, and stop where one fails', async () => {
    const target = ['web-01:a:x', 'web-01:a:bad', 'web-01:a:y']
    const { job } = await act('process', { target, verb: 'restart', atOnce: 1, stopOnFailure: true }, 'oleg')
    expect(shownOf(await over(job as string))).toEqual([
      'web-01:a:x done restarted',
      'web-01:a:bad failed ERROR (spawn error)',
      'web-01:a:y cancelled null',
    ])
    await vi.waitFor(
      () =>
        expect(audit().at(-1)).toMatchObject({
          user: 'oleg',
          outcome: 'failed',
          text: 'restart 3 processes: 1 of 3 done',
        }),
      WAIT,
    )
  })

  it('can be cancelled', async () => {
    const target = ['web-01:a:slow', 'web-01:a:z']
    const { job } = await act('process', { target, verb: 'stop', atOnce: 1 })
    await vi.waitFor(() => expect(lets).toHaveLength(1), WAIT)
    expect(await act('job-cancel', { target: job as string })).toMatchObject({ ok: true })
    lets.pop()?.()
    expect(shownOf(await over(job as string))).toEqual(['web-01:a:slow done stoped', 'web-01:a:z cancelled null'])
    expect(await act('job-cancel', { target: job as string })).toMatchObject({ code: 'ACTION_REFUSED' })
  })

  it.each([
    { target: 'web-01:a:*' },
    { target: 'x' },
    { target: [] },
    { target: ['web-01:a:x', 7] },
    { target: null },
    {},
  ])('are not begun for %j', async (body) => {
    expect(await act('process', { verb: 'start', ...body })).toMatchObject({ code: 'ACTION_REFUSED' })
  })

  it('give logs a piece at a time, as data', async () => {
    const { json, headers } = await board.ask('/api/v1/processes/log?target=web-01:a:x&channel=stderr', {
      headers: as('vera'),
    })
    const text = 'a:x stderr\npassword=***\n<script>alert(1)</script>\n'
    expect(json).toEqual({ text, open: '', offset: 54, overflow: false })
    expect(headers['content-type']).toMatch(/^application\/json/)
    expect(headers['x-content-type-options']).toBe('nosniff')
  })

  it('give no piece of a log that begins behind the name of a secret', async () => {
    const since = async (offset: number): Promise<unknown> => {
      const query = `target=web-01:a:x&offset=${offset}`
      return (await board.ask(`/api/v1/processes/log?${query}`, { headers: as('vera') })).json.text
    }
    expect(await since('a:x stdout\npassword='.length)).toBe('<script>alert(1)</script>\n')
    expect(await since('a:x stdout\n'.length)).toBe('password=***\n<script>alert(1)</script>\n')
  })

  it.each([
    'target=other:a:x',
    'target=web-01:../../etc/passwd',
    'target=web-01:a:..%2f..%2fetc%2fpasswd',
    'target=web-01:..:..',
    'target=web-01:a:%00',
    'target=web-01:*:*',
    'target=web-01',
    'target=web-01:a:x&channel=../stderr',
    'target=web-01:a:x&length=-1',
    'target=web-01:a:x&length=1e99',
    'target=web-01:a:x&offset=x',
    'target=web-01:a:x&target=web-01:a:y',
    '',
  ])('give no other log: %s', async (query) => {
    const { status } = await board.ask(`/api/v1/processes/log?${query}`, { headers: as('vera') })
    expect([400, 404]).toContain(status)
  })
})

describe('every action', () => {
  const names = Object.keys(ACTION_ROLES)

  it.each(names)('%s is done by POST of JSON alone, by who may', async (name) => {
    const path = `/api/v1/actions/${name}`
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
      const headers = { ...as('ana'), 'content-type': 'application/json' }
      expect(
        (await board.ask(path, { method, headers, body: /GET|HEAD/.test(method) ? undefined : '{}' })).status,
      ).toBe(404)
    }
    expect(await board.post(path, {}, as('vera'))).toMatchObject({ status: 403, json: { code: 'ROLE_NEEDED' } })
    const form = { ...as('ana'), 'content-type': 'application/x-www-form-urlencoded' }
    expect((await board.ask(path, { method: 'POST', headers: form, body: 'target=x' })).status).toBe(415)
    const foreign = { ...as('ana'), origin: 'https://evil.example.org' }
    expect((await board.post(path, { target: 'x' }, foreign)).status).toBe(403)
    // What it lacks or does not know is said, and nothing is done.
    expect(await board.post(path, { target: 7 }, as('ana'))).toMatchObject({
      status: 409,
      json: { code: 'ACTION_REFUSED' },
    })
    expect(await board.post(path, { target: 'x', other: 1 }, as('ana'))).toMatchObject({ status: 409 })
    expect(await board.post(path, [], as('ana'))).toMatchObject({ status: 409 })
  })

  it('needs the role that it needs', async () => {
    const path = '/api/v1/actions/queue-purge'
    const token = { authorization: `Bearer ${TOKEN}` }
    for (const headers of [as('oleg'), token])
      expect((await board.post(path, { target: 'celery' }, headers)).status).toBe(403)
    expect(audit().at(-1)).toMatchObject({ user: 'deploy', action: 'queue-purge', outcome: 'refused' })
  })

  it('is written down, secrets taken out', async () => {
    await act('task-retry', { target: '<b>x</b>', args: [], kwargs: { password: 'hunter2' } })
    const entry = audit().at(-1)
    expect(entry).toMatchObject({
      user: 'ana',
      from: '127.0.0.1',
      action: 'task-retry',
      target: '<b>x</b>',
      outcome: 'failed',
    })
    expect(JSON.stringify(audit())).not.toContain('hunter2')
    const { json } = await board.ask('/api/v1/audit?limit=1', { headers: as('oleg') })
    expect(json.entries).toEqual([entry])
  })

  it('is one of those that there are', async () => {
    expect(await act('worker-grown', {})).toMatchObject({ code: 'ACTION_UNKNOWN', fix: 'Did you mean worker-grow?' })
    expect(await act('__proto__', {})).toMatchObject({ code: 'ACTION_UNKNOWN' })
    expect(await act('constructor', {})).toMatchObject({ code: 'ACTION_UNKNOWN' })
  })

  it('is refused where nothing may be changed', async () => {
    const other = await openBoard({ readOnly: true }, { app })
    const { json } = await other.post('/api/v1/actions/queue-purge', { target: 'celery' })
    expect(json).toMatchObject({ code: 'ACTION_REFUSED', message: expect.stringContaining('read-only') as string })
    await other.close()
  })

  it('does not take a body without end, or one that is none', async () => {
    const path = '/api/v1/actions/worker-grow'
    expect((await board.post(path, `{"target":"${'x'.repeat(2 ** 20)}"}`, as('ana'))).status).toBe(413)
    expect((await board.post(path, '{"target":', as('ana'))).status).toBe(400)
    expect((await board.post(path, '{"__proto__":{"target":"x"}}', as('ana'))).status).toBe(400)
    expect((await board.post(path, '', as('ana'))).status).toBe(400)
  })
})
