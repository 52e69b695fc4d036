import * as z from 'zod'
import { expect, test } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import { LovageError } from '../../src/base/errors.ts'
import { respond } from '../../src/gateway/gateway.ts'
import { ask, openApp, openGateway, posting, running, started } from './open-gateway.ts'

test('a request becomes a task and its result the response', async () => {
  const app = openApp()
  const add = app.task('add', (x: number, y: number) => x + y)
  const url = await running(
    app,
    openGateway(app).get('/sum/:x/:y', add, { args: ({ params }) => [Number(params.x), Number(params.y)] }),
  )
  const answer = await ask(`${url}/sum/2/3`)
  expect(answer.status).toBe(200)
  expect(answer.text).toBe('{"results":5}')
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
})

test('a task with an input gets path, body and query by name, the path first', async () => {
  const app = openApp()
  const input = z.object({ id: z.coerce.number(), size: z.coerce.number(), name: z.string().default('none') })
  const shirt = app.task('shirt', { input }, (given) => given)
  const url = await running(app, openGateway(app).put('/shirts/:id', shirt))
  const answer = await ask(`${url}/shirts/7?size=1&name=query&id=8`, {
    ...posting('{"size": 40, "id": 9}'),
    method: 'PUT',
  })
  expect(answer.json).toEqual({ results: { id: 7, size: 40, name: 'query' } })
})

test('a task with params gets what it declared, and no more', async () => {
  const app = openApp()
  const greet = app.task('greet', { params: ['name', 'word?'] }, (name: string, word = 'hello') => `${word} ${name}`)
  const url = await running(app, openGateway(app).get('/greet', greet))
  expect((await ask(`${url}/greet?name=anna&utm_source=x`)).json).toEqual({ results: 'hello anna' })
  expect((await ask(`${url}/greet?name=anna&word=bye`)).json).toEqual({ results: 'bye anna' })
  expect((await ask(`${url}/greet?word=bye`)).status).toBe(422)
})

test('arguments by name go to a task that lives elsewhere', async () => {
  const app = openApp()
  app.task('train', { params: ['set', 'rounds'] }, (set: string, rounds: number) => `${set} ${rounds}`)
  const train = app.remote<() => string>('train')
  const url = await running(
    app,
    openGateway(app).post('/train/:set', train, {
      kwargs: ({ params, query }) => ({ set: params.set, rounds: Number(query.rounds) }),
    }),
  )
  expect((await ask(`${url}/train/mnist?rounds=3`, { method: 'POST' })).json).toEqual({ results: 'mnist 3' })
})

test('a result is written with all its digits, dates as text, bytes as base64', async () => {
  const app = openApp()
  const results = { big: 2n ** 80n, date: new Date(0), bytes: new Uint8Array([255, 1]), text: 'ü', gone: undefined }
  const url = await running(
    app,
    openGateway(app).get(
      '/all',
      app.task('all', () => results),
    ),
  )
  const { text, json } = await ask(`${url}/all`)
  expect(text).toContain('1208925819614629174706176')
  expect(json).toMatchObject({ results: { date: '1970-01-01T00:00:00Z', bytes: '/wE=', text: 'ü' } })
})

test('a response function shapes the answer: text of a type, bytes, JSON, a status of its own', async () => {
  const app = openApp()
  const upper = app.task('upper', (text: string) => text.toUpperCase())
  const args = ({ params }: { params: { text: string } }): [string] => [params.text]
  const opened = openGateway(app)
    .get('/xml/:text', upper, { args, response: (value) => `<t>${value}</t>`, contentType: 'text/xml' })
    .get('/bytes/:text', upper, { args, response: (value) => Buffer.from(value) })
    .get('/json/:text', upper, { args, response: async (value, { id }) => ({ value, known: id.length > 0 }) })
    .get('/made/:text', upper, {
      args,
      response: (value, { request }) => respond(201, { value }, { headers: { Location: request.url } }),
    })
  const url = await running(app, opened)
  const [xml, bytes, json, made] = await Promise.all(
    ['xml', 'bytes', 'json', 'made'].map((kind) => ask(`${url}/${kind}/a`)),
  )
  expect([xml?.text, xml?.headers.get('content-type')]).toEqual(['<t>A</t>', 'text/xml'])
  expect([bytes?.text, bytes?.headers.get('content-type')]).toEqual(['A', 'application/octet-stream'])
  expect(json?.json).toEqual({ value: 'A', known: true })
  expect([made?.status, made?.json, made?.headers.get('location')]).toEqual([201, { value: 'A' }, '/made/a'])
})

test('a handler answers from the gateway itself', async () => {
  const opened = openGateway(openApp())
    .handle('GET', '/i_want_you_now', () => 'here I am')
    .handle('GET', '/later/:name', async ({ params, query }) => ({ ...params, ...query }))
    .handle('GET', '/teapot', () => respond(418, 'short and stout'))
    .handle('GET', '/broken', () => {
      throw new Error('the secret is 42')
    })
    .handle('POST', '/strict', () => {
      throw new LovageError('ARGUMENTS_INVALID', { task: 'strict', problem: 'no' })
    })
  const url = await started(opened)
  expect((await ask(`${url}/i_want_you_now`)).text).toBe('here I am')
  expect((await ask(`${url}/later/anna?x=1&x=2`)).json).toEqual({ name: 'anna', x: ['1', '2'] })
  expect((await ask(`${url}/teapot`)).status).toBe(418)
  expect((await ask(`${url}/strict`, { method: 'POST' })).status).toBe(422)
  const broken = await ask(`${url}/broken`)
  expect(broken.status).toBe(500)
  expect(broken.json).toEqual({ error: { code: 'HANDLER_FAILED', message: 'The request could not be handled' } })
})

test('only what was bound is there', async () => {
  const app = openApp()
  app.task('secret', () => 'nobody asked for it')
  const url = await running(app, openGateway(app))
  expect((await ask(`${url}/secret`)).json).toEqual({
    error: { code: 'ROUTE_UNKNOWN', message: 'There is no GET /secret' },
  })
  expect((await ask(`${url}/healthz`)).headers.get('x-powered-by')).toBeNull()
})

test('the methods are told apart, and HEAD never starts a task', async () => {
  const app = openApp()
  const runs: string[] = []
  const note = app.task('note', (method: string) => void runs.push(method))
  const opened = openGateway(app)
  for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
    opened[method]('/note', note, { args: (): [string] => [method] })
  }
  const url = await running(app, opened)
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']) {
    expect((await ask(`${url}/note`, { method })).status).toBe(/HEAD|OPTIONS/.test(method) ? 405 : 200)
  }
  expect(runs).toEqual(['get', 'post', 'put', 'patch', 'delete'])
})

test('options of a route travel with its tasks', async () => {
  const app = openApp()
  const seen = app.task('seen', () => currentTask().request.priority)
  const url = await running(app, openGateway(app).get('/seen', seen, { send: { priority: 7 } }))
  expect((await ask(`${url}/seen`)).json).toEqual({ results: 7 })
})

test('a request can be injected without a network', async () => {
  const opened = openGateway(openApp()).handle('GET', '/now', () => 'now')
  expect((await opened.inject('/now')).body).toBe('now')
  expect((await opened.inject({ url: '/now', headers: { host: 'evil.example' } })).statusCode).toBe(421)
})

test('a port that is taken says so, and how to choose another', async () => {
  const first = openGateway(openApp())
  const port = Number(new URL(await started(first)).port)
  const second = openGateway(openApp(), { port })
  await expect(second.start()).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: `Port ${port} on 127.0.0.1 is taken`,
    fix: expect.stringContaining('--port'),
  })
  await first.stop()
  await second.start()
  expect(new URL(second.url as string).port).toBe(String(port))
})

test('a host that is not of this machine is said to be that', async () => {
  await expect(openGateway(openApp(), { host: '192.0.2.1' }).start()).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
})

test('start and stop may be called twice, stop before start, and start again after stop', async () => {
  const opened = openGateway(openApp()).handle('GET', '/now', () => 'now')
  await opened.stop()
  await Promise.all([opened.start(), opened.start()])
  expect((await ask(`${opened.url}/now`)).text).toBe('now')
  await Promise.all([opened.stop(), opened.stop()])
  expect(opened.url).toBeUndefined()
  expect((await ask(`${await started(opened)}/now`)).text).toBe('now')
})

test('a connection that cannot be made is known at the start', async () => {
  const app = lovage('shop', { broker: 'memory://gone' }, { env: {} })
  await app.close()
  await expect(openGateway(app).start()).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
})

test.each([
  ['an unknown option', { prot: 1 }, 'prot', 'Did you mean port?'],
  ['a port beyond all ports', { port: 65_536 }, 'port', 'Write a whole number from 0 to 65535'],
  ['a timeout of nothing', { timeout: 0 }, 'timeout', "Write a length of time like '10s'"],
])('%s of the gateway is refused with the fix', (_name, options, option, fix) => {
  expect(() => openGateway(openApp(), options as object)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', fix, details: expect.objectContaining({ option }) }),
  )
})

test.each([
  ['an unknown option', { timeuot: 1 }],
  ['a reply of no known kind', { reply: 'later' }],
  ['a timeout of nothing', { timeout: 0 }],
  ['a timeout that is no length of time', { timeout: 'soon' }],
  ['a body limit that is no number', { bodyLimit: '1mb' }],
  ['a body of no known kind', { body: 'json' }],
  ['an unknown option of the sending', { send: { quue: 'a' } }],
])('%s of a route is refused where the route is bound', (_name, options) => {
  const app = openApp()
  const task = app.task('none', () => 1)
  expect(() => openGateway(app).get('/x', task, options as object)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(/GET \/x|of send/) }),
  )
})

test('a route whose task takes arguments that nobody gives is refused where it is bound', () => {
  const app = openApp()
  const add = app.task('add', (x: number, y: number) => x + y)
  expect(() => openGateway(app).get('/add', add)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})

test('a route that waits for a task without a result is refused where it is bound', () => {
  const app = openApp()
  const mute = app.task('mute', { ignoreResult: true }, () => 1)
  expect(() => openGateway(app).get('/mute', mute)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  expect(openGateway(app).post('/mute', mute, { reply: 'accept' }).routes).toEqual(['POST /mute'])
})

test('a route cannot be bound twice, come late, or have no slash', async () => {
  const opened = openGateway(openApp()).handle('GET', '/a', () => 1)
  expect(() => opened.handle('GET', '/a', () => 2)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  expect(() => opened.handle('GET', 'b', () => 2)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  await opened.inject('/a')
  expect(() => opened.handle('GET', '/c', () => 2)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})

test('what the command line says of port and host wins over the code', async () => {
  const opened = openGateway(openApp(), { port: 1 }).listenOn({ port: 0, host: 'localhost' })
  expect(await started(opened)).toMatch(/^http:\/\/localhost:\d+$/)
  expect(() => opened.listenOn({ port: -1 })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})
