import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { LovageError } from '../../src/base/errors.ts'
import { Waits } from '../../src/gateway/waits.ts'
import { openStore } from '../../src/store/open.ts'
import { Kitchen, order } from './kitchen.ts'
import { ask, until } from './open-gateway.ts'
import { rawClient } from './raw-client.ts'

test('one who could not be counted as he came is not taken off as he goes', async () => {
  const store = openStore(`memory://${randomUUID()}`)
  await store.start()
  onTestFinished(() => store.stop())
  let isAway = true
  const waits = new Waits(() => {
    if (!isAway) return Promise.resolve(store)
    return Promise.reject(new LovageError('STORE_UNREACHABLE', { url: 'memory://', problem: 'it sleeps' }))
  })
  const leave = waits.arrive('a', 60_000)
  await new Promise((resolve) => setImmediate(resolve))
  isAway = false
  leave()
  const other = waits.arrive('a', 60_000)
  await expect.poll(() => store.count('gateway:waits:a', { by: 0, ttlMs: 1 })).toMatchObject({ value: 1 })
  expect(await waits.isAlone('a')).toBe(false)
  other()
  await expect.poll(() => waits.isAlone('a')).toBe(true)
})

test('a joined task is abandoned when the last who waits is gone, and not before', async () => {
  const kitchen = new Kitchen()
  kitchen.isOpen = false
  const [first, second] = [await kitchen.instance(), await kitchen.instance()]
  const running = await kitchen.worker()
  const clients = [await rawClient(first.url), await rawClient(second.url)]
  for (const client of clients) {
    client.send('POST /orders HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\n')
    client.send('Content-Length: 12\r\n\r\n{"size":"m"}')
  }
  await until(() => first.gateway.inFlight + second.gateway.inFlight === 2 && kitchen.runs.length === 1)
  const count = vi.spyOn(await first.app.store(), 'count')
  clients[0]?.socket.destroy()
  // At the end of its grace the first gateway asks who else waits, and somebody does.
  await until(() => count.mock.calls.some(([, { by }]) => by === 0))
  await first.app.control.ping()
  expect(running.stats().revoked).toBe(0)
  clients[1]?.socket.destroy()
  await until(() => running.stats().revoked === 1)
})

test('a joined task is not abandoned where somebody was told the place of its result', async () => {
  const kitchen = new Kitchen()
  kitchen.isOpen = false
  const first = await kitchen.instance()
  const running = await kitchen.worker()
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'k', prefer: 'respond-async' }
  const told = await ask(`${first.url}/orders`, { method: 'POST', body: '{"size":"m"}', headers })
  expect(told.status).toBe(202)
  const client = await rawClient(first.url)
  client.send('POST /orders HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\n')
  client.send('Content-Length: 12\r\n\r\n{"size":"m"}')
  await until(() => first.gateway.inFlight === 1 && kitchen.runs.length === 1)
  const count = vi.spyOn(await first.app.store(), 'count')
  client.socket.destroy()
  await until(() => count.mock.calls.some(([, { by }]) => by === 0))
  await first.app.control.ping()
  kitchen.runs[0]?.end('done')
  await until(() => running.stats().succeeded + running.stats().revoked === 1)
  expect(running.stats()).toMatchObject({ revoked: 0, succeeded: 1 })
})

test('who waits for a joined task is counted for longer than he waits', async () => {
  const kitchen = new Kitchen()
  const first = await kitchen.instance()
  const count = vi.spyOn(await first.app.store(), 'count')
  expect((await order(`${first.url}/short`, 'k')).status).toBe(504)
  await until(() => count.mock.calls.some(([, { by }]) => by === -1))
  // Else the one who goes is taken off a count that has run out, and the next who waits is not seen.
  const [, came] = count.mock.calls.find(([, { by }]) => by === 1) ?? []
  expect(came?.ttlMs).toBeGreaterThanOrEqual(600_000)
})
