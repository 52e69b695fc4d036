import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type App, lovage } from '../../src/index.ts'
import { type Board, openBoard, PASSWORD, threeUsers, TOKEN, TOKENS } from '../dashboard/open-board.ts'
import { describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

type Json = Record<string, any>

const fixture = (name: string): Json =>
  JSON.parse(readFileSync(new URL(`../fixtures/flower/${name}.json`, import.meta.url), 'utf8')) as Json
const files = { 'checktasks.py': readFileSync(new URL('flower-tasks.py', import.meta.url), 'utf8') }
const WORKER = 'w1@check'
const LONG = { timeout: 60_000 }

/** Names of members and kinds of values as they were captured; null stands for any. */
function expectShape(ours: unknown, captured: unknown, path = '$'): void {
  if (captured === null || ours === null) return
  const kind = Array.isArray(captured) ? 'list' : typeof captured
  expect(Array.isArray(ours) ? 'list' : typeof ours, path).toBe(kind)
  if (kind === 'list')
    return expectShape((ours as unknown[])[0] ?? null, (captured as unknown[])[0] ?? null, `${path}[0]`)
  if (kind !== 'object') return
  for (const [key, value] of Object.entries(captured as Json)) {
    expect(ours, path).toHaveProperty([key])
    expectShape((ours as Json)[key], value, `${path}.${key}`)
  }
}

describeWith(['redis', 'celery'], "Flower's API, asked as its scripts ask it, of a worker of Python's", () => {
  let redis: RedisNode
  let python: Child
  let app: App
  let board: Board
  const as = (user: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${PASSWORD}`).toString('base64')}` })
  const get = (path: string) => board.ask(`/api/${path}`, { headers: as('ana') })
  const post = (path: string, body?: unknown, user = 'ana') =>
    board.ask(`/api/${path}`, { method: 'POST', headers: as(user), ...(body !== undefined && { body }) })
  const send = async (task: string, args: unknown[], more: Json = {}): Promise<string> => {
    const { json } = await post(`task/send-task/${task}`, { args, ...more })
    // Its state by now, which on a busy machine may be its last.
    expect(json).toMatchObject({ 'task-id': expect.any(String) as string, state: expect.any(String) as string })
    return json['task-id'] as string
  }
  const ended = (id: string, state: string) =>
    vi.waitFor(async () => {
      const { json } = await get(`task/info/${id}`)
      expect(json?.state).toBe(state)
      return json as Json
    }, LONG)
  let ids: { add: string; fail: string; later: string }

  beforeAll(async () => {
    redis = await RedisNode.start()
    const [BROKER, BACKEND] = [0, 1].map((db) => `redis://127.0.0.1:${redis.port}/${db}`) as [string, string]
    app = lovage('check', { broker: BROKER, backend: BACKEND, sendSentEvent: true, ...PATIENT }, { env: {} })
    app.task('check.add', (x: number, y: number) => x + y)
    board = await openBoard({ users: await threeUsers(), tokens: TOKENS }, { app })
    const args = ['-m', 'celery', '-A', 'checktasks', 'worker', '-n', WORKER, '-c', '2', '-E', '--loglevel', 'INFO']
    python = startPython(args, { files, env: { BROKER, BACKEND } })
    await python.line(/ready\./, { timeoutMs: 90_000 })
    ids = {
      add: await send('check.add', [2, 3]),
      fail: await send('check.fail', ['boom']),
      later: await send('check.add', [1, 1], { countdown: 600 }),
    }
    await ended(ids.add, 'SUCCESS')
    await ended(ids.fail, 'FAILURE')
    await ended(ids.later, 'RECEIVED')
  }, 240_000)

  afterAll(async () => {
    await python?.kill()
    await board?.close()
    await app?.close()
    await redis?.remove()
  })

  it('tells of tasks', async () => {
    for (const [id, name] of [
      [ids.add, 'success'],
      [ids.fail, 'failure'],
    ] as const) {
      const info = (await get(`task/info/${id}`)).json as Json
      const captured = fixture(`api-task-info-${name}`)
      expect(Object.keys(info).toSorted()).toEqual(Object.keys(captured).toSorted())
      expectShape(info, captured)
      const same = [
        'name',
        'state',
        'args',
        'kwargs',
        'result',
        'exception',
        'worker',
        'retries',
        'exchange',
        'routing_key',
      ]
      for (const field of same.filter((each) => each !== 'args'))
        expect([field, info[field]]).toEqual([field, captured[field]])
      // Python's own lists are tuples to us.
      expect(info['args']).toBe(
        (captured['args'] as string).replace(/^\[(.*)\]$/, name === 'failure' ? '($1,)' : '($1)'),
      )
      const times = ['sent', 'received', 'started', name === 'failure' ? 'failed' : 'succeeded'].map(
        (each) => info[each],
      )
      for (const time of times) expect(Math.abs((time as number) - Date.now() / 1000)).toBeLessThan(600)
      expect([info['uuid'], info['root_id'], info['children']]).toEqual([id, id, []])
    }
    expect((await get(`task/info/${ids.later}`)).json.eta).toMatch(/^\d{4}-\d\d-\d\dT/)
    expect(await get('task/info/none')).toMatchObject({ status: 404, text: '' })
  })

  it('lists them, by what is asked for', async () => {
    const all = (await get('tasks')).json as Json
    expect(Object.keys(all).toSorted()).toEqual(Object.values(ids).toSorted())
    const [captured] = Object.values(fixture('api-tasks'))
    for (const task of Object.values(all)) expectShape(task, captured)
    const found = async (query: string) => Object.keys((await get(`tasks?${query}`)).json as Json)
    expect(await found('state=FAILURE')).toEqual([ids.fail])
    expect(await found('taskname=check.add&sort_by=received')).toEqual([ids.add, ids.later])
    expect(await found('taskname=check.add&sort_by=-received&limit=1')).toEqual([ids.later])
    expect(await found('limit=1&offset=1&sort_by=received')).toEqual([ids.fail])
    expect(await found(`workername=${WORKER}&state=All&taskname=All`)).toHaveLength(3)
    expect(await found('workername=other@check')).toEqual([])
    expect(await found('search=boom')).toEqual([ids.fail])
    expect(await found('received_start=2099-01-01%2000:00')).toEqual([])
    expect(await get('tasks?search=(')).toMatchObject({ status: 400, json: { error: expect.any(String) as string } })
    expect((await get('tasks?limit=x')).status).toBe(400)
    expect((await get('task/types')).json).toEqual({ 'task-types': ['check.add', 'check.fail'] })
  })

  it('tells of results', async () => {
    expect((await get(`task/result/${ids.add}`)).json).toEqual({
      ...fixture('api-task-result-success'),
      'task-id': ids.add,
    })
    const { json } = await get(`task/result/${ids.fail}?timeout=5`)
    expectShape(json, fixture('api-task-result-failure'))
    expect(json).toMatchObject({ state: 'FAILURE', result: "ValueError('boom')" })
    expect((await get(`task/result/${ids.later}`)).json).toEqual({ 'task-id': ids.later, state: 'PENDING' })
  })

  it('tells of workers and queues', async () => {
    const { [WORKER]: worker } = (await get('workers?refresh=1')).json as Json
    const [{ scheduled, active: _, reserved: __, conf, ...captured }] = Object.values(fixture('api-workers')) as [Json]
    expectShape(
      { ...worker, stats: { ...worker.stats, total: null } },
      { ...captured, stats: { ...captured['stats'], total: null } },
    )
    expectShape(worker.scheduled, scheduled)
    expect(Object.keys(worker.conf as Json)).toEqual(expect.arrayContaining(['broker_url', 'task_send_sent_event']))
    void conf
    expect((await get('workers?status=true')).json).toEqual(fixture('api-workers-status'))
    expect(Object.keys((await get(`workers?workername=${WORKER}`)).json as Json)).toEqual([WORKER])
    expect(await get('workers?workername=none')).toMatchObject({ status: 404, text: "Unknown worker 'none'" })
    expect((await get('queues/length')).json).toEqual(fixture('api-queues-length'))
  })

  it('steers workers, in the words that were captured', async () => {
    const captured = readFileSync(new URL('../fixtures/flower/control-replies.txt', import.meta.url), 'utf8')
    const calls = [...captured.matchAll(/^POST \/api\/(\S+)\n(.*)\n {2}-> (\d+)$/gm)].map(([, path, text, status]) => ({
      path: path as string,
      text: text as string,
      status: Number(status),
    }))
    expect(calls).toHaveLength(7)
    // The last one shuts it down: that is for the end.
    for (const { path, text, status } of calls.slice(0, -1)) {
      const answer = await post(path)
      expect(answer.status, path).toBe(status)
      if (status === 200) expect(answer.json, path).toEqual(JSON.parse(text))
      else
        expect(answer, path).toMatchObject({
          text,
          headers: { 'content-type': expect.stringContaining('text/plain') as string },
        })
    }
    expect((await post(`task/rate-limit/check.add?workername=${WORKER}&ratelimit=10/m`)).json).toEqual({
      message: 'new rate limit set successfully',
    })
    const form = { ...as('ana'), 'content-type': 'application/x-www-form-urlencoded' }
    const body = `workername=${WORKER}&soft=10&hard=20`
    expect((await board.ask('/api/task/timeout/check.add', { method: 'POST', headers: form, body })).json).toEqual({
      message: 'time limits set successfully',
    })
    expect(await post(`task/rate-limit/check.none?workername=${WORKER}&ratelimit=1`)).toMatchObject({
      status: 404,
      text: "Unknown task 'check.none'",
    })
    expect(await post('task/rate-limit/check.add')).toMatchObject({ status: 400, text: 'Missing argument workername' })
    expect(await post('worker/pool/grow/none@check')).toMatchObject({
      status: 404,
      text: "Unknown worker 'none@check'",
    })
    expect((await post(`worker/pool/grow/${WORKER}?n=x`)).status).toBe(400)
    expect((await post(`task/revoke/${ids.later}?terminate=false`)).json).toEqual({ message: `Revoked '${ids.later}'` })
    expect((await post(`task/abort/${ids.later}`)).json).toEqual({ message: `Aborted '${ids.later}'` })
  })

  it('sends tasks', async () => {
    expect((await post('task/apply/check.add', { args: [4, 5] })).json).toMatchObject({ state: 'SUCCESS', result: 9 })
    expect((await post('task/async-apply/check.add', { args: [4, 5] })).json).toMatchObject({
      state: expect.any(String) as string,
    })
    expect((await post('task/async-apply/check.none', {})).status).toBe(404)
    expect((await post('task/send-task/check.add', '[]')).status).toBe(400)
    expect((await post('task/send-task/check.add', '{')).status).toBe(400)
    expect((await post('task/send-task/check.add', { args: 'x' })).status).toBe(400)
  })

  it("tells Flower's metrics beside ours", async () => {
    const ask = () => board.ask('/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })
    const captured = readFileSync(new URL('../fixtures/flower/metrics.txt', import.meta.url), 'utf8')
    const rows = (all: string) =>
      new Map(
        [...all.matchAll(/^(flower_\w+)\{(.*)\} (\S+)$/gm)].map(([, name, labels]) => [
          name,
          labels
            ?.replaceAll(/="[^"]*"/g, '')
            .split(',')
            .toSorted()
            .join(),
        ]),
      )
    const theirs = rows(captured)
    theirs.delete('flower_events_created')
    theirs.delete('flower_task_runtime_seconds_created')
    // How much a worker does it tells with its next heartbeat, and how long a queue is is asked for now and then.
    await vi.waitFor(
      async () => {
        const { text, headers } = await ask()
        expect(headers['content-type']).toMatch(/^text\/plain/)
        expect(Object.fromEntries(rows(text))).toEqual(Object.fromEntries(theirs))
        for (const line of [
          `flower_worker_online{worker="${WORKER}"} 1`,
          'flower_events_total{worker="w1@check",type="task-failed",task="check.fail"} 1',
          'flower_task_runtime_seconds_bucket{le="+Inf",task="check.add",worker="w1@check"}',
          'lovage_tasks_total{task="check.fail",outcome="failed"} 1',
          'lovage_queue_ready{queue="celery"} 0',
        ]) {
          expect(text).toContain(line)
        }
      },
      { ...LONG, interval: 200 },
    )
  })

  it('lets nobody do what they may not', async () => {
    expect((await board.ask('/api/workers')).status).toBe(401)
    expect((await board.ask('/api/workers')).headers['www-authenticate']).toBe('Basic realm="flower"')
    expect((await post(`worker/pool/grow/${WORKER}`, undefined, 'vera')).status).toBe(403)
    expect((await post(`worker/shutdown/${WORKER}`, undefined, 'oleg')).status).toBe(403)
    const foreign = { ...as('ana'), origin: 'https://evil.example.org' }
    expect((await board.ask(`/api/worker/shutdown/${WORKER}`, { method: 'POST', headers: foreign })).status).toBe(403)
    const open = await openBoard({}, { app })
    expect(await open.ask('/api/workers')).toMatchObject({
      status: 401,
      text: 'FLOWER_UNAUTHENTICATED_API environment variable is required to enable API without authentication',
    })
    await open.close()
    const readOnly = await openBoard({ unauthenticatedApi: true, readOnly: true }, { app })
    expect((await readOnly.ask('/api/workers?status=1')).status).toBe(200)
    expect(await readOnly.ask(`/api/worker/shutdown/${WORKER}`, { method: 'POST' })).toMatchObject({
      status: 403,
      text: 'Read only mode is enabled',
    })
    await readOnly.close()
    // Nobody was shut down so far.
    expect((await post(`worker/shutdown/${WORKER}`)).json).toEqual({ message: 'Shutting down!' })
    await vi.waitFor(async () => expect((await get('workers?status=1')).json).toEqual({ [WORKER]: false }), LONG)
    await vi.waitFor(async () => {
      const { text } = await board.ask('/metrics', { headers: as('vera') })
      expect(text).toContain(`flower_worker_online{worker="${WORKER}"} 0`)
    }, LONG)
  })
})
