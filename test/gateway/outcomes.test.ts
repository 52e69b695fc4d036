import { expect, test } from 'vitest'
import { currentTask } from '../../src/app/current-task.ts'
import { LovageError } from '../../src/base/errors.ts'
import { ask, loggedLines, openApp, openGateway, posting, running, signal, started, until } from './open-gateway.ts'

const ids = { id: expect.stringMatching(/^[0-9a-f-]{36}$/) }

test('the error of a task is a 500 that tells nothing but the id', async () => {
  const app = openApp()
  const fail = app.task('fail', () => {
    throw new RangeError('the password is 12345')
  })
  const answer = await ask(`${await running(app, openGateway(app).get('/fail', fail))}/fail`)
  expect(answer.status).toBe(500)
  expect(answer.json).toEqual({ error: { code: 'TASK_FAILED', message: 'The task failed', ...ids } })
})

test('the error of a task is told where that is wanted, without its stack', async () => {
  const app = openApp()
  const fail = app.task('fail', () => {
    throw new RangeError('no such size')
  })
  const url = await running(app, openGateway(app, { exposeErrors: true }).get('/fail', fail))
  const message = 'ValueError: no such size'
  expect((await ask(`${url}/fail`)).json).toEqual({ error: { code: 'TASK_FAILED', message, ...ids } })
})

test('arguments that do not fit are a 422 with the reason, before anything is sent', async () => {
  const app = openApp()
  const add = app.task('add', (x: number, y: number) => x + y)
  const args = ({ query }: { query: object }): [number, number] => Object.values(query).map(Number) as [number, number]
  const url = await running(app, openGateway(app).get('/add', add, { args }))
  const answer = await ask(`${url}/add?x=1`)
  expect(answer.status).toBe(422)
  expect(answer.json).toEqual({
    error: { code: 'ARGUMENTS_INVALID', message: expect.stringMatching(/^Task add .*2 arguments, and got 1/), ...ids },
  })
  expect(app.counts().sent).toBe(0)
})

test('arguments that cannot be sent are a 422 that names the place', async () => {
  const app = openApp()
  const double = app.task('double', (x: number) => 2 * x)
  const args = ({ params }: { params: { x: string } }): [number] => [Number(params.x)]
  const url = await running(app, openGateway(app).get('/double/:x', double, { args }))
  const answer = await ask(`${url}/double/abc`)
  expect(answer.status).toBe(422)
  expect(answer.text).toContain('NaN')
})

test('arguments that only the worker finds wrong are a 422 with its reason', async () => {
  const app = openApp()
  app.task('add', (x: number, y: number) => x + y)
  const elsewhere = app.remote<(x: number) => number>('add')
  const url = await running(app, openGateway(app).get('/add', elsewhere, { args: () => [1] }))
  const answer = await ask(`${url}/add`)
  expect(answer.status).toBe(422)
  expect(answer.text).toMatch(/2 arguments/)
})

test('a wrong call of another task inside a task is the fault of that task', async () => {
  const app = openApp()
  const outer = app.task('outer', () => {
    throw new LovageError('ARGUMENTS_INVALID', { task: 'inner', problem: 'too few' })
  })
  expect((await ask(`${await running(app, openGateway(app).get('/outer', outer))}/outer`)).status).toBe(500)
})

test('an args function that throws is a fault of the code: 500, and the log has it', async () => {
  const app = openApp()
  const lines = loggedLines()
  const double = app.task('double', (x: number) => 2 * x)
  const opened = openGateway(app).post('/double', double, { args: ({ body }) => [(body as { x: number }).x] })
  const url = await running(app, opened)
  expect((await ask(`${url}/double`, posting('null'))).json).toMatchObject({ error: { code: 'HANDLER_FAILED' } })
  expect(lines.find(({ level }) => level === 'error')?.fields['error']).toBeInstanceOf(TypeError)
})

test('a result that is no JSON is a 500 that the log explains', async () => {
  const app = openApp()
  const lines = loggedLines()
  const nan = app.task('nan', () => 1)
  const url = await running(app, openGateway(app).get('/nan', nan, { response: () => ({ loss: NaN }) }))
  expect((await ask(`${url}/nan`)).status).toBe(500)
  expect(lines.find(({ level }) => level === 'error')?.fields['error']).toMatchObject({ code: 'ENCODE_FAILED' })
})

test('a result that does not come in time is a 504 with the id, and can still be asked for', async () => {
  const app = openApp()
  const gate = signal<string>()
  const slow = app.task('slow', () => gate.promise)
  const url = await running(app, openGateway(app).get('/slow', slow, { timeout: 50, deadline: false }))
  const answer = await ask(`${url}/slow`)
  expect(answer.status).toBe(504)
  expect(answer.json).toMatchObject({ error: { code: 'RESULT_TIMEOUT', ...ids } })
  const { id } = (answer.json as { error: { id: string } }).error
  expect((await ask(`${url}/tasks/${id}`)).json).toMatchObject({ id, task: 'slow', state: 'PENDING', ready: false })
  gate.fire('late')
  let state: unknown
  while (!(state as { ready?: boolean } | undefined)?.ready) state = (await ask(`${url}/tasks/${id}`)).json
  expect(state).toMatchObject({ state: 'SUCCESS', result: 'late' })
})

test('a task that expired before it ran is a 503 of its own', async () => {
  const app = openApp()
  const opened = openGateway(app).get(
    '/late',
    app.task('late', () => 1),
  )
  const url = await started(opened)
  const { broker, backend } = await app.client()
  await broker.declare({ queues: [{ name: 'celery' }] })
  const failure = { exc_type: 'TaskRevokedError', exc_message: ['expired'], exc_module: 'celery.exceptions' }
  await broker.consume({
    queues: ['celery'],
    prefetch: 1,
    onDelivery: (delivery) => {
      const { replyTo, correlationId } = delivery.message
      const id = correlationId as string
      void backend.put(
        { id, state: 'REVOKED', result: { value: failure }, traceback: null },
        { replyTo, correlationId },
      )
      delivery.ack()
    },
  })
  const answer = await ask(`${url}/late`)
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBeNull()
  expect(answer.json).toMatchObject({ error: { code: 'TASK_REVOKED', ...ids } })
})

test('arguments too large for a message are a 413', async () => {
  const app = openApp({ maxMessageBytes: 1000 })
  const echo = app.task('echo', (text: string) => text)
  const args = ({ body }: { body: unknown }): [string] => [body as string]
  const url = await running(app, openGateway(app).post('/echo', echo, { args }))
  expect((await ask(`${url}/echo`, posting('x'.repeat(2000), 'text/plain'))).json).toMatchObject({
    error: { code: 'MESSAGE_TOO_LARGE' },
  })
})

test('an accepted task is a 202 with the place of its result', async () => {
  const app = openApp()
  const gate = signal()
  const report = app.task('report', async () => {
    currentTask().progress({ done: 3, of: 10 })
    await gate.promise
    return 'the report'
  })
  const url = await running(app, openGateway(app).post('/reports', report, { reply: 'accept' }))
  const accepted = await ask(`${url}/reports`, { method: 'POST' })
  const location = accepted.headers.get('location') as string
  expect(accepted.status).toBe(202)
  expect(accepted.json).toEqual({ ...ids, location })
  expect(location).toBe(`/tasks/${(accepted.json as { id: string }).id}`)

  const state = async (): Promise<Record<string, unknown>> =>
    (await ask(`${url}${location}`)).json as Record<string, unknown>
  while ((await state())['state'] !== 'PROGRESS') await Promise.resolve()
  expect(await state()).toEqual({
    ...ids,
    task: 'report',
    state: 'PROGRESS',
    ready: false,
    times: { accepted: expect.stringMatching(/^\d{4}-.*Z$/) },
    progress: { done: 3, of: 10 },
  })
  gate.fire()
  while (!(await state())['ready']) await Promise.resolve()
  expect(await state()).toMatchObject({ state: 'SUCCESS', ready: true, result: 'the report' })
})

test('the state of a task that failed is safe too', async () => {
  const app = openApp()
  const fail = app.task('fail', () => {
    throw new Error('the password is 12345')
  })
  const url = await running(app, openGateway(app).post('/fail', fail, { reply: 'accept' }))
  const location = (await ask(`${url}/fail`, { method: 'POST' })).headers.get('location') as string
  let state: Record<string, unknown> = {}
  while (!state['ready']) state = (await ask(url + location)).json as Record<string, unknown>
  expect(state).toMatchObject({ state: 'FAILURE', error: { code: 'TASK_FAILED', message: 'The task failed' } })
})

test('the state of a task that nobody knows is a 404', async () => {
  const url = await started(openGateway(openApp()))
  expect((await ask(`${url}/tasks/nope`)).json).toEqual({
    error: { code: 'RESULT_UNKNOWN', message: 'Nothing is known of task nope', id: 'nope' },
  })
})

test('the answer to a state must not be kept by anybody', async () => {
  const app = openApp()
  const url = await running(
    app,
    openGateway(app).post(
      '/one',
      app.task('one', () => 1),
      { reply: 'accept' },
    ),
  )
  const location = (await ask(`${url}/one`, { method: 'POST' })).headers.get('location') as string
  expect((await ask(url + location)).headers.get('cache-control')).toBe('no-store')
})

test('each request is one line: task, id, times, and no secrets', async () => {
  const app = openApp()
  const lines = loggedLines()
  const one = app.task('one', () => 1)
  const opened = openGateway(app)
    .get('/one', one)
    .handle('GET', '/now', () => 1)
  const url = await running(app, opened)
  await ask(`${url}/one?token=abc&name=x`)
  await ask(`${url}/now`)
  await ask(`${url}/none`)
  const requests = (): Readonly<Record<string, unknown>>[] =>
    lines.filter(({ message }) => message === 'request').map(({ fields }) => fields)
  await until(() => requests().length === 3)
  const times = { queueMs: expect.any(Number), runMs: expect.any(Number), totalMs: expect.any(Number) }
  expect(requests()).toEqual([
    { method: 'GET', url: '/one?token=***&name=x', status: 200, task: 'one', ...ids, ...times },
    { method: 'GET', url: '/now', status: 200, totalMs: expect.any(Number) },
    { method: 'GET', url: '/none', status: 404, error: 'ROUTE_UNKNOWN', totalMs: expect.any(Number) },
  ])
})

test.each(['memory', 'rpc'])('the line splits the time into queue and run, over %s results', async (kind) => {
  const app = openApp(kind === 'rpc' ? { backend: 'rpc://' } : {})
  const lines = loggedLines()
  const slow = app.task('slow', () => new Promise<void>((resolve) => setTimeout(resolve, 60)))
  const url = await running(app, openGateway(app).get('/slow', slow))
  await ask(`${url}/slow`)
  await until(() => lines.some(({ message }) => message === 'request'))
  const fields = lines.find(({ message }) => message === 'request')?.fields ?? {}
  const { queueMs, runMs, totalMs } = fields as Record<string, number>
  expect(runMs).toBeGreaterThan(50)
  expect((queueMs as number) + (runMs as number)).toBeCloseTo(totalMs as number, 1)
})
