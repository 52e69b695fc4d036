import { expect, test } from 'vitest'
import type { GatewayOptions } from '../../src/gateway/options.ts'
import { ask, openApp, openGateway, started, type Answer } from './open-gateway.ts'
import { exchange, statuses } from './raw-client.ts'

async function paged(options: GatewayOptions = {}): Promise<string> {
  return started(
    openGateway(openApp(), options)
      .handle('GET', '/page', () => 'read')
      .handle('POST', '/page', () => 'changed')
      .handle('DELETE', '/users/:id', ({ params }) => params)
      .handle('GET', '/users/me', () => 'me')
      .handle('PUT', '/files/:name.:ext', ({ params }) => params)
      .handle('GET', '/maybe/:id?', () => 'maybe')
      .handle('PATCH', '/all/*', () => 'all'),
  )
}

type Sent = Readonly<Record<string, string>>

/** By hand: `fetch` lets nobody say where a request comes from. */
async function send(url: string, method: string, path: string, headers: Sent = {}): Promise<string> {
  const lines = Object.entries({ host: 'localhost:8000', connection: 'close', 'content-length': '0', ...headers })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return exchange(url, `${method} ${path} HTTP/1.1\r\n${head}\r\n`)
}

test.each<[string, Sent, number]>([
  ['a program', {}, 200],
  ['a page of this host', { origin: 'http://localhost:8000' }, 200],
  ['a page of this host, behind a proxy that speaks TLS', { host: 'localhost', origin: 'https://localhost' }, 200],
  [
    'a page, as the browser itself says, of this host',
    { 'sec-fetch-site': 'same-origin', origin: 'http://x.example' },
    200,
  ],
  ['the address bar', { 'sec-fetch-site': 'none' }, 200],
  ['a page of another site', { origin: 'https://evil.example' }, 403],
  ['a page of another port', { origin: 'http://localhost:9000' }, 403],
  [
    'a page of another site, as the browser itself says',
    { 'sec-fetch-site': 'cross-site', origin: 'http://localhost:8000' },
    403,
  ],
  ['a page of a neighbour', { 'sec-fetch-site': 'same-site', origin: 'http://localhost:8000' }, 403],
  ['a page that does not say which', { origin: 'null' }, 403],
  ['a page that names a path', { origin: 'http://localhost:8000/' }, 403],
  ['a browser that says cross-site and no more', { 'sec-fetch-site': 'cross-site' }, 403],
])('a POST of %s', async (_who, headers, status) => {
  const received = await send(await paged(), 'POST', '/page', headers)
  expect(statuses(received)).toEqual([status])
  expect(received.includes('"ORIGIN_REFUSED"')).toBe(status === 403)
  expect(received.toLowerCase()).not.toContain('access-control')
})

test('a GET is answered whoever asks, and nobody of another origin is let read it', async () => {
  const received = await send(await paged(), 'GET', '/page', { origin: 'https://evil.example' })
  expect(statuses(received)).toEqual([200])
  expect(received.toLowerCase()).not.toContain('access-control')
})

test('pages of allowed origins may send and read, with their cookies', async () => {
  const url = await paged({ allowedOrigins: ['https://app.example.com', 'https://*.friends.example'] })
  for (const origin of ['https://app.example.com', 'https://a.b.friends.example', 'HTTPS://App.Example.com']) {
    const received = await send(url, 'POST', '/page', { origin, 'sec-fetch-site': 'cross-site' })
    expect(statuses(received)).toEqual([200])
    expect(received).toContain(`access-control-allow-origin: ${origin}\r\n`)
    expect(received).toContain('access-control-allow-credentials: true')
    expect(received).toContain('vary: origin')
  }
  for (const origin of [
    'http://app.example.com',
    'https://app.example.com:444',
    'https://friends.example',
    'https://.friends.example',
    'https://evil.example/.friends.example',
    'https://evilfriends.example',
    'null',
  ]) {
    expect(statuses(await send(url, 'POST', '/page', { origin }))).toEqual([403])
  }
})

test('with * any page may send and read, without its cookies', async () => {
  const received = await send(await paged({ allowedOrigins: ['*'] }), 'POST', '/page', {
    origin: 'https://any.example',
  })
  expect(statuses(received)).toEqual([200])
  expect(received).toContain('access-control-allow-origin: https://any.example')
  expect(received).not.toContain('credentials')
})

test('what depends on the origin and on a preference says so of both', async () => {
  const app = openApp()
  const one = app.task('one', () => 1)
  const url = await started(openGateway(app, { allowedOrigins: ['https://page.example'] }).get('/one', one))
  const headers = { origin: 'https://page.example', prefer: 'respond-async' }
  const answer = await ask(`${url}/one`, { headers })
  expect([answer.status, answer.headers.get('vary')]).toEqual([202, 'origin, prefer'])
})

test('what a browser asks beforehand is answered for allowed origins, with the methods of the path', async () => {
  const url = await paged({ allowedOrigins: ['https://app.example.com'] })
  const asking = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type, x-mine' }
  const granted = await send(url, 'OPTIONS', '/page', { ...asking, origin: 'https://app.example.com' })
  expect(statuses(granted)).toEqual([204])
  expect(granted).toContain('access-control-allow-methods: GET, POST\r\n')
  expect(granted).toContain('access-control-allow-headers: content-type, x-mine\r\n')
  const refused = await send(url, 'OPTIONS', '/page', { ...asking, origin: 'https://evil.example' })
  expect(statuses(refused)).toEqual([405])
  expect(refused).not.toContain('access-control')
})

test.each<[string, string, number, string | null]>([
  ['PUT', '/page', 405, 'GET, POST'],
  ['HEAD', '/page', 405, 'GET, POST'],
  ['OPTIONS', '/page', 405, 'GET, POST'],
  ['PUT', '/users/me', 405, 'DELETE, GET'],
  ['GET', '/users/7', 405, 'DELETE'],
  ['GET', '/users/%37', 405, 'DELETE'],
  ['GET', '/users/7/x', 404, null],
  ['GET', '/files/a.txt', 405, 'PUT'],
  ['GET', '/files/atxt', 404, null],
  ['POST', '/maybe', 405, 'GET'],
  ['POST', '/maybe/1', 405, 'GET'],
  ['GET', '/all/of/it?x=1', 405, 'PATCH'],
  ['POST', '/healthz', 405, 'GET, HEAD'],
  ['POST', '/nowhere', 404, null],
  ['TRACE', '/page', 405, 'GET, POST'],
])('%s %s is a %i', async (method, path, status, allow) => {
  const received = await send(await paged(), method, path)
  expect(statuses(received)).toEqual([status])
  expect(/^allow: (.*)\r$/m.exec(received)?.[1] ?? null).toBe(allow)
})

test('the error says which methods there are', async () => {
  const answer: Answer = await ask(`${await paged()}/page`, { method: 'PATCH' })
  expect(answer.json).toEqual({ error: { code: 'METHOD_NOT_ALLOWED', message: '/page does not take PATCH' } })
})

test.each(['app.example.com', 'https://app.example.com/', 'https://a b'])('%s is no origin', (origin) => {
  expect(() => openGateway(openApp(), { allowedOrigins: [origin] })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  )
})
