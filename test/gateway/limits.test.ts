import { expect, test } from 'vitest'
import { ask, loggedLines, openApp, openGateway, running, started, until } from './open-gateway.ts'
import { exchange, rawClient, statuses } from './raw-client.ts'
import type { GatewayOptions } from '../../src/gateway/options.ts'

async function paged(options: GatewayOptions = {}): Promise<string> {
  return started(
    openGateway(openApp(), options)
      .handle('GET', '/now', () => 'here')
      .handle('GET', '/named/:name', ({ params }) => params)
      .handle('POST', '/echo', ({ body }) => body),
  )
}

function get(path: string, host = 'localhost'): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
}

test.each(['localhost', 'localhost:8000', '127.0.0.1', '127.0.0.1:1', '[::1]', '[::1]:80', 'LOCALHOST', 'localhost.'])(
  'host %s is always answered',
  async (host) => {
    expect(statuses(await exchange(await paged(), get('/now', host)))).toEqual([200])
  },
)

test.each([
  'evil.example',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'localhost:x',
  '',
  'a b',
  '127.0.0.2',
  '*',
])('host %j is refused', async (host) => {
  const received = await exchange(await paged(), get('/now', host))
  expect(statuses(received)).toEqual([421])
  expect(received).toContain('"code":"HOST_REFUSED"')
})

test('a request without a host is refused', async () => {
  const url = await paged()
  expect(statuses(await exchange(url, 'GET /now HTTP/1.1\r\nConnection: close\r\n\r\n'))).toEqual([421])
  expect(statuses(await exchange(url, 'GET /now HTTP/1.0\r\n\r\n'))).toEqual([421])
})

test('hosts of the allow-list are answered: a name, a name with its port, all names below one, everything', async () => {
  const url = await paged({ allowedHosts: ['api.example.com', 'b.example:81', '*.c.example'] })
  const status = async (host: string): Promise<unknown> => statuses(await exchange(url, get('/now', host)))[0]
  expect(await status('api.example.com')).toBe(200)
  expect(await status('API.example.com:444')).toBe(200)
  expect(await status('www.api.example.com')).toBe(421)
  expect(await status('b.example:81')).toBe(200)
  expect(await status('b.example')).toBe(421)
  expect(await status('x.y.c.example')).toBe(200)
  expect(await status('c.example')).toBe(421)
  expect(await status('notc.example')).toBe(421)
  expect(statuses(await exchange(await paged({ allowedHosts: ['*'] }), get('/now', 'any.example')))).toEqual([200])
})

test('a name below an allowed one may not be smuggled in', async () => {
  const url = await paged({ allowedHosts: ['*.c.example'] })
  for (const host of ['evil.example/.c.example', 'evil.example#.c.example', '.c.example', 'a..c.example']) {
    expect(statuses(await exchange(url, get('/now', host)))).toEqual([421])
  }
})

test.each([
  ['http://evil.example/now', 400, 'URL_INVALID'],
  ['*', 400, 'URL_INVALID'],
  ['now', 400, 'REQUEST_INVALID'],
  ['/named/%ff', 400, 'URL_INVALID'],
  ['/named/%', 400, 'URL_INVALID'],
  ['/named/%c0%ae%c0%ae', 400, 'URL_INVALID'],
  ['//now', 404, 'ROUTE_UNKNOWN'],
  ['/now/', 404, 'ROUTE_UNKNOWN'],
  ['/NOW', 404, 'ROUTE_UNKNOWN'],
  ['/../now', 404, 'ROUTE_UNKNOWN'],
  ['/named/a/../b', 404, 'ROUTE_UNKNOWN'],
  ['/named/', 200, '"name":""'],
  ['/named/..%2f..%2fetc', 200, '"name":"../../etc"'],
  ['/named/%00', 200, '"name":"\\u0000"'],
  ['/named/__proto__', 200, '"name":"__proto__"'],
  ['/now;x=1', 404, 'ROUTE_UNKNOWN'],
  ['/now?%ff=%ff&&=&a', 200, 'here'],
  ['/now#part', 200, 'here'],
  [`/named/${'x'.repeat(7000)}`, 200, 'xxx'],
  [`/named/${'x'.repeat(9000)}`, 414, 'URL_TOO_LONG'],
])('the path %s is a %i', async (path, status, text) => {
  const received = await exchange(await paged(), get(path))
  expect(statuses(received)).toEqual([status])
  expect(received).toContain(text)
})

test.each([
  ['that are too large', `GET /now HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['that are no HTTP', 'hello there\r\n\r\n', 400],
  ['with a method that is none', 'BREW /now HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  [
    'with two lengths',
    'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    400,
  ],
  [
    'with a length and chunks',
    'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['that ask for a tunnel', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  [
    'that expect what nobody does',
    'GET /now HTTP/1.1\r\nHost: localhost\r\nExpect: magic\r\nConnection: close\r\n\r\n',
    417,
  ],
])('headers %s are refused, and the connection closed', async (_name, bytes, status) => {
  expect(statuses(await exchange(await paged(), bytes))).toEqual([status])
})

test('headers that are too large are refused on a connection that was used before, too', async () => {
  const client = await rawClient(await paged())
  client.send('GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await client.until((received) => received.endsWith('here'))
  client.send(`GET /now HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`)
  expect(statuses(await client.closed())).toEqual([200, 431])
})

test('a client that never ends its headers is sent away', async () => {
  const client = await rawClient(await paged({ headersTimeout: 100 }))
  client.send('GET /now HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
  expect(statuses(await client.closed())).toEqual([408])
})

test('a client that never ends its body is sent away', async () => {
  const client = await rawClient(await paged({ headersTimeout: 100, requestTimeout: 150 }))
  client.send('POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nabc')
  expect(statuses(await client.closed())).toEqual([408])
})

test('a connection without a request is closed after a while', async () => {
  const client = await rawClient(await paged({ keepAliveTimeout: 50 }))
  client.send('GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n')
  expect(statuses(await client.closed())).toEqual([200])
})

test('a client that does not read its response is sent away', async () => {
  const app = openApp({ publishTimeout: 50 })
  const lines = loggedLines()
  const opened = openGateway(app, { timeout: 50, connectionTimeout: 100 }).handle('GET', '/big', () =>
    Buffer.alloc(50_000_000),
  )
  const client = await rawClient(await started(opened))
  client.socket.pause()
  client.send('GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until(() => lines.some(({ message }) => message === 'request'))
  client.socket.resume()
  expect((await client.closed()).length).toBeLessThan(50_000_000)
})

test('requests that are sent all at once are answered in order', async () => {
  const client = await rawClient(await paged())
  client.send(['a', 'b', 'c'].map((name) => `GET /named/${name} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''))
  const received = await client.until((text) => statuses(text).length === 3 && text.endsWith('"c"}'))
  expect([...received.matchAll(/\{"name":"(.)"\}/g)].map(([, name]) => name)).toEqual(['a', 'b', 'c'])
})

test('more tasks than may be in flight are refused at once, and handlers are not', async () => {
  const app = openApp()
  const waits: (() => void)[] = []
  const slow = app.task('slow', () => new Promise<string>((resolve) => waits.push(() => resolve('done'))))
  const opened = openGateway(app, { maxInFlight: 3 })
    .get('/slow', slow)
    .handle('GET', '/i_want_you_now', () => 'here')
  const url = await running(app, opened)
  const waiting = [1, 2, 3].map(() => ask(`${url}/slow`))
  while (waits.length < 3) await new Promise((resolve) => setImmediate(resolve))
  const refused = await ask(`${url}/slow`)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(refused.json).toEqual({ error: { code: 'OVERLOADED', message: 'Too many requests are in flight' } })
  expect((await ask(`${url}/i_want_you_now`)).status).toBe(200)
  for (const end of waits.splice(0)) end()
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200])
  const next = ask(`${url}/slow`)
  while (waits.length === 0) await new Promise((resolve) => setImmediate(resolve))
  waits[0]?.()
  expect((await next).status).toBe(200)
})
