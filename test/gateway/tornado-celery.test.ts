import { expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { tornadoCelery, type Gateway } from '../../src/gateway/gateway.ts'
import type { GatewayOptions } from '../../src/gateway/options.ts'
import type { TornadoCeleryOption } from '../../src/gateway/tornado-celery.ts'
import { ask, openApp, openGateway, running, type Answer } from './open-gateway.ts'

interface Opened {
  readonly app: App
  readonly web: Gateway
  readonly url: string
}

async function opened(options: readonly TornadoCeleryOption[] = [], around: GatewayOptions = {}): Promise<Opened> {
  const app = openApp()
  const add = app.task('tasks.add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
  app.task('tasks.fail', (word: string) => {
    throw new TypeError(word)
  })
  app.task('tasks.slow', () => new Promise<void>(() => {}))
  app.task('tasks.secret', () => 'secret')
  const web = openGateway(app, around).use(
    tornadoCelery({ tasks: [add, 'tasks.fail', 'tasks.slow'], ...(options.length > 0 && { options }) }),
  )
  return { app, web, url: await running(app, web) }
}

/** As curl sends it: JSON that calls itself a form. */
function post(url: string, body: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return ask(url, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
}

const ID = /^[0-9a-f-]{36}$/

test('/ lists the tasks that can be run', async () => {
  const { url } = await opened()
  expect((await ask(`${url}/`)).text).toBe('Tasks: tasks.add, tasks.fail, tasks.slow')
})

test('/apply/ waits for the result', async () => {
  const { url } = await opened()
  const answer = await post(`${url}/apply/tasks.add/`, { args: [1, 2] })
  expect([answer.status, answer.json]).toEqual([
    200,
    { 'task-id': expect.stringMatching(ID), state: 'SUCCESS', result: 3 },
  ])
  expect((await post(`${url}/apply/tasks.add/`, { args: [1], kwargs: { y: 5 } })).json).toMatchObject({ result: 6 })
})

test('/apply/ with a timeout that passes ends the task and says REVOKED', async () => {
  const { url } = await opened()
  const answer = await post(`${url}/apply/tasks.slow/`, { timeout: 0.1 })
  expect([answer.status, answer.json]).toEqual([200, { 'task-id': expect.stringMatching(ID), state: 'REVOKED' }])
})

test('a failure is told as a state; what it was only where errors are shown', async () => {
  const hidden = await post(`${(await opened()).url}/apply/tasks.fail/`, { args: ["it's"] })
  expect([hidden.status, hidden.json]).toEqual([
    200,
    { 'task-id': expect.stringMatching(ID), state: 'FAILURE', error: 'The task failed' },
  ])
  const { url } = await opened([], { exposeErrors: true })
  const shown = await post(`${url}/apply/tasks.fail/`, { args: ['broken'] })
  expect(shown.json).toMatchObject({ state: 'FAILURE', error: "TypeError('broken')" })
  expect((shown.json as { traceback: string }).traceback).toContain('TypeError')
})

test('/apply-async/ tells the id, and /tasks/result/ what became of it', async () => {
  const { url } = await opened()
  const answer = await post(`${url}/apply-async/tasks.add/`, { args: [1, 2] })
  const { 'task-id': id, state } = answer.json as Record<string, string>
  expect([answer.status, state]).toEqual([200, 'PENDING'])
  const result = async (): Promise<unknown> => (await ask(`${url}/tasks/result/${id}/`)).json
  await expect.poll(result, { timeout: 60_000 }).toEqual({ 'task-id': id, state: 'SUCCESS', result: 3 })
})

test('an id that nobody knows is PENDING, as it is to Celery', async () => {
  const { url } = await opened()
  expect((await ask(`${url}/tasks/result/nobody/`)).json).toEqual({ 'task-id': 'nobody', state: 'PENDING' })
})

test('/tasks/revoke/ revokes what has not started', async () => {
  const { url } = await opened(['countdown'])
  const sent = await post(`${url}/apply-async/tasks.add/`, { args: [1, 2], countdown: 1 })
  const { 'task-id': id } = sent.json as Record<string, string>
  const answer = await ask(`${url}/tasks/revoke/${id}/`, { method: 'DELETE' })
  expect([answer.status, answer.json]).toEqual([200, { 'task-id': id }])
  const result = async (): Promise<unknown> => (await ask(`${url}/tasks/result/${id}/`)).json
  await expect.poll(result, { timeout: 60_000 }).toMatchObject({ state: 'REVOKED' })
})

test('only what is listed can be had: tasks and options', async () => {
  const { url } = await opened(['countdown', 'eta', 'expires', 'priority'])
  expect((await post(`${url}/apply/tasks.secret/`, {})).status).toBe(404)
  expect((await post(`${url}/apply/celery.backend_cleanup/`, {})).status).toBe(404)
  for (const option of ['queue', 'routing_key', 'exchange', 'task_id', 'serializer', 'link', '__proto__']) {
    const body = `{"args":[1,2],"${option}":"x"}`
    expect([option, (await post(`${url}/apply/tasks.add/`, body)).status]).toEqual([option, 400])
  }
  const allowed = { args: [1, 2], countdown: 0, expires: 60, priority: 3 }
  expect((await post(`${url}/apply/tasks.add/`, allowed)).json).toMatchObject({ result: 3 })
  expect((await post(`${url}/apply/tasks.add/`, { args: [1, 2], eta: '2020-01-01T00:00:00' })).json).toMatchObject({
    result: 3,
  })
})

test.each(['', '[]', 'nothing', '{"args":1}', '{"args":[1,2],"kwargs":[]}', '{"args":[],"timeout":"x"}'])(
  'the body %j is a 400',
  async (body) => {
    const { url } = await opened()
    expect((await post(`${url}/apply/tasks.add/`, body)).status).toBe(400)
  },
)

test('no route of it is there unless it was asked for, and none without its slash', async () => {
  const { url } = await opened()
  expect((await post(`${url}/apply/tasks.add`, { args: [1, 2] })).status).toBe(404)
  const app = openApp()
  const plain = await running(app, openGateway(app))
  expect((await post(`${plain}/apply/tasks.add/`, { args: [1, 2] })).status).toBe(404)
})

test.each([{ tasks: [] }, { tasks: ['a'], options: ['task_id'] }, { tasks: [1] }, { task: ['a'] }])(
  'the options %j are refused',
  (given) => {
    expect(() => tornadoCelery(given as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  },
)
