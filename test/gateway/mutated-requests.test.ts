import { expect, onTestFinished, test } from 'vitest'
import { judgeRequests, PLAIN, targetOf } from './mutated-requests.ts'
import { openApp, running, until } from './open-gateway.ts'
import { rawClient } from './raw-client.ts'

const REQUESTS = 700

test(`${REQUESTS} mutated and random requests get stated statuses only, and leave nothing behind`, async () => {
  const app = openApp()
  const opened = targetOf(app)
  onTestFinished(() => opened.stop())
  const url = await running(app, opened)
  const { statuses, wrong } = await judgeRequests(url, { requests: REQUESTS, atOnce: 100, seed: 20_261_121 })
  expect(wrong).toEqual([])
  // The mutations must reach far: if all were refused at the door they would prove nothing.
  for (const status of [200, 202, 400, 403, 404, 405, 408, 415, 421])
    expect(statuses[status], `status ${status}`).toBeGreaterThan(0)
  await until(() => opened.inFlight === 0)
  const after = await rawClient(url)
  after.send(PLAIN)
  expect(await after.until((text) => text.endsWith('}'))).toContain('{"results":"12"}')
}, 240_000)

test('a crowd that never ends its headers keeps nobody from being answered, and is sent away', async () => {
  const app = openApp()
  const opened = targetOf(app, { headersTimeout: '1s', requestTimeout: '1s' })
  onTestFinished(() => opened.stop())
  const url = await running(app, opened)
  const crowd = await Promise.all(Array.from({ length: 300 }, () => rawClient(url)))
  for (const { send } of crowd) send('GET /sum/1/2 HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
  const drip = setInterval(() => {
    for (const { socket } of crowd) if (!socket.destroyed) socket.write('x')
  }, 200)
  try {
    const other = await rawClient(url)
    other.send(PLAIN)
    expect(await other.until((text) => text.endsWith('}'))).toContain('{"results":"12"}')
    const ends = await Promise.all(crowd.map((client) => client.closed()))
    expect(ends.filter((end) => end !== '' && !end.startsWith('HTTP/1.1 408 '))).toEqual([])
    expect(ends.some((end) => end.startsWith('HTTP/1.1 408 '))).toBe(true)
  } finally {
    clearInterval(drip)
  }
}, 240_000)
