import { expect, test } from 'vitest'
import { ask, loggedLines, openApp, openGateway, running, signal, started, until } from './open-gateway.ts'
import { rawClient, statuses } from './raw-client.ts'

const SLOW = 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n'
const NOW = 'GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n'

test('a stop finishes requests in flight on kept-alive connections, then closes them', async () => {
  const app = openApp()
  const gate = signal<string>()
  const slow = app.task('slow', () => gate.promise)
  const opened = openGateway(app).get('/slow', slow)
  const url = await running(app, opened)
  const clients = await Promise.all(Array.from({ length: 10 }, () => rawClient(url)))
  for (const client of clients) client.send(SLOW)
  await until(() => opened.inFlight === 10)
  const stopped = opened.stop()
  gate.fire('finished')
  const received = await Promise.all(clients.map((client) => client.closed()))
  for (const text of received) {
    expect(statuses(text)).toEqual([200])
    expect(text).toMatch(/connection: close/i)
    expect(text).toContain('{"results":"finished"}')
  }
  await stopped
})

test('a kept-alive connection without a request is closed at once', async () => {
  const opened = openGateway(openApp()).handle('GET', '/now', () => 'now')
  const client = await rawClient(await started(opened))
  client.send(NOW)
  await client.until((text) => text.endsWith('now'))
  await opened.stop()
  expect(statuses(await client.closed())).toEqual([200])
})

test('a connection that never sent anything does not hold up the stop', async () => {
  const opened = openGateway(openApp())
  const client = await rawClient(await started(opened))
  await opened.stop()
  expect(await client.closed()).toBe('')
})

test('a request that is on its way when the stop begins gets a 503, and no reset', async () => {
  const opened = openGateway(openApp()).handle('GET', '/now', () => 'now')
  const client = await rawClient(await started(opened))
  client.send(NOW)
  await client.until((text) => text.endsWith('now'))
  client.send(NOW)
  await opened.stop()
  const received = await client.closed()
  expect(statuses(received)).toEqual([200, 503])
  expect(received).toContain('"code":"GATEWAY_STOPPING"')
  const refusal = received.slice(received.indexOf('HTTP/1.1 503'))
  expect(refusal).toMatch(/connection: close/i)
  expect(refusal).toMatch(/retry-after: 1/i)
})

test('a response that is half written when the stop begins is finished, and its connection closed', async () => {
  const size = 20_000_000
  const opened = openGateway(openApp()).handle('GET', '/slow', () => Buffer.alloc(size))
  const client = await rawClient(await started(opened))
  client.send(SLOW)
  await client.until((text) => text.length > 0)
  await opened.stop()
  const received = await client.closed()
  expect(received.length - received.indexOf('\r\n\r\n') - 4).toBe(size)
})

test('nobody new is let in while a stop lasts', async () => {
  const gates: (() => void)[] = []
  const opened = openGateway(openApp()).handle(
    'GET',
    '/slow',
    () => new Promise<string>((resolve) => gates.push(() => resolve('finished'))),
  )
  const url = await started(opened)
  const waiting = ask(`${url}/slow`)
  await until(() => gates.length === 1)
  const stopped = opened.stop()
  // The first may still find the port open; it is told to go.
  for (let refused = false; !refused;) {
    const late = await ask(`${url}/slow`).catch((error: Error) => error)
    if (late instanceof Error) refused = (late.cause as NodeJS.ErrnoException).code === 'ECONNREFUSED'
    else expect(late.status).toBe(503)
  }
  expect(gates).toHaveLength(1)
  gates[0]?.()
  expect((await waiting).text).toBe('finished')
  await stopped
})

test('a request that outlasts the grace period is cut, and that is said', async () => {
  const app = openApp()
  const lines = loggedLines()
  const slow = app.task('slow', () => new Promise<string>(() => {}))
  const opened = openGateway(app, { gracePeriod: 50 }).get('/slow', slow)
  const url = await running(app, opened)
  const waiting = ask(`${url}/slow`)
  await until(() => opened.inFlight === 1)
  await Promise.all([expect(waiting).rejects.toThrow('fetch failed'), opened.stop()])
  await until(() => opened.inFlight === 0)
  expect(lines.find(({ level }) => level === 'warn')?.fields).toEqual({ connections: 1 })
})

test('50 clients that never stop asking see no broken answer when the gateway stops', async () => {
  const app = openApp()
  const one = app.task('one', () => 1)
  const opened = openGateway(app).get('/one', one)
  const url = await running(app, opened)
  const seen: number[] = []
  const asking = Array.from({ length: 50 }, async () => {
    for (;;) {
      const response = await fetch(`${url}/one`).catch((error: Error) => error)
      // Once the port is closed there is nobody to answer: that is no broken answer.
      if (response instanceof Error) return (response.cause as NodeJS.ErrnoException).code
      seen.push(response.status)
      const text = await response.text()
      if (response.status === 200) expect(text).toBe('{"results":1}')
    }
  })
  await until(() => seen.length > 200)
  await opened.stop()
  const ends = await Promise.all(asking)
  expect([...new Set(seen)].filter((status) => status !== 200 && status !== 503)).toEqual([])
  expect(ends.filter((code) => code !== 'ECONNREFUSED' && code !== 'UND_ERR_SOCKET' && code !== 'ECONNRESET')).toEqual(
    [],
  )
})
