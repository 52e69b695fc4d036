import { expect, test, vi } from 'vitest'
import type { GivenSettings } from '../../src/app/settings.ts'
import { LovageError } from '../../src/base/errors.ts'
import { bodyHash, type JoinOptions } from '../../src/gateway/gateway.ts'
import { HEADER, Kitchen, order } from './kitchen.ts'
import { openApp, openGateway, signal, until, type Answer } from './open-gateway.ts'
import { rawClient } from './raw-client.ts'

const never = (): Promise<void> => new Promise(() => {})

test('a retry joins the task that runs, on whichever gateway it lands, and all get its answer', async () => {
  const kitchen = new Kitchen()
  kitchen.isOpen = false
  const [first, second] = [await kitchen.instance(), await kitchen.instance()]
  await kitchen.worker()
  const asked = [
    order(`${first.url}/orders`, 'k'),
    order(`${second.url}/orders`, 'k'),
    order(`${first.url}/orders`, 'k'),
  ]
  await until(() => first.gateway.inFlight + second.gateway.inFlight === 3 && kitchen.runs.length === 1)
  kitchen.runs[0]?.end('done')
  for (const { status, json } of await Promise.all(asked)) expect([status, json]).toEqual([200, { results: 'done' }])
  expect(kitchen.runs).toHaveLength(1)
})

test('a wait that was too short is answered at the next try', async () => {
  const kitchen = new Kitchen()
  kitchen.isOpen = false
  const [first, second] = [await kitchen.instance(), await kitchen.instance()]
  await kitchen.worker()
  const late = await order(`${first.url}/short`, 'k')
  expect(late.status).toBe(504)
  await until(() => kitchen.runs.length === 1)
  kitchen.runs[0]?.end('done after all')
  let again: Answer
  do again = await order(`${second.url}/short`, 'k')
  while (again.status === 504)
  expect(again.json).toEqual({ results: 'done after all' })
  expect(kitchen.runs).toHaveLength(1)
})

test('a finished one is answered from its result, and run anew once its time is over', async () => {
  const kitchen = new Kitchen()
  const { url } = await kitchen.instance({ ...HEADER, ttl: '3s' })
  await kitchen.worker()
  const answers = [await order(`${url}/orders`, 'k'), await order(`${url}/orders`, 'k')].map(({ json }) => json)
  expect(answers).toEqual([{ results: '{"size":"m"} 1' }, { results: '{"size":"m"} 1' }])
  await expect
    .poll(async () => (await order(`${url}/orders`, 'k')).json, { timeout: 60_000 })
    .toEqual({ results: '{"size":"m"} 2' })
})

test('requests without the key, with other keys and of other routes are on their own', async () => {
  const kitchen = new Kitchen()
  const { url } = await kitchen.instance()
  await kitchen.worker()
  await Promise.all([
    order(`${url}/orders`),
    order(`${url}/orders`),
    order(`${url}/orders`, 'a'),
    order(`${url}/orders`, 'b'),
    order(`${url}/others`, 'a'),
  ])
  expect(kitchen.runs).toHaveLength(5)
})

test('the same key with another body is refused, and nothing runs', async () => {
  const kitchen = new Kitchen()
  const { url } = await kitchen.instance()
  await kitchen.worker()
  await order(`${url}/orders`, 'k')
  const other = await order(`${url}/orders`, 'k', '{"size":"xl"}')
  expect([other.status, other.json]).toMatchObject([422, { error: { code: 'JOIN_MISMATCH' } }])
  expect((await order(`${url}/orders?size=l`, 'k')).status).toBe(422)
  expect(kitchen.runs).toHaveLength(1)
})

test('a key made by a function joins what is the same by it, whatever else differs', async () => {
  const kitchen = new Kitchen()
  const id = await kitchen.instance({ key: ({ query }) => query['id'] as string | undefined })
  await kitchen.worker()
  await order(`${id.url}/orders?id=7&nonce=1`)
  await order(`${id.url}/orders?id=7&nonce=2`, undefined, '"other"')
  expect(kitchen.runs).toHaveLength(1)
  await order(`${id.url}/orders`)
  await order(`${id.url}/orders`)
  expect(kitchen.runs).toHaveLength(3)
  const body = await kitchen.instance({ key: bodyHash })
  for (const text of ['"a"', '"a"', '"b"']) await order(`${body.url}/others`, undefined, text)
  expect(kitchen.runs).toHaveLength(5)
})

test.each(['', ' ', 'x'.repeat(256)])('a key that is none is refused: "%s"', async (key) => {
  const kitchen = new Kitchen()
  const { url } = await kitchen.instance({ key: { header: 'Idempotency-Key', required: true } })
  expect((await order(`${url}/orders`, key)).json).toMatchObject({ error: { code: 'HEADER_INVALID' } })
  expect((await order(`${url}/orders`)).status).toBe(400)
})

test('a gateway that dies before it has sent the task leaves that to the next', async () => {
  const kitchen = new Kitchen()
  const [first, second] = [await kitchen.instance(), await kitchen.instance()]
  await kitchen.worker()
  const claimed = signal()
  first.app.on('beforeTaskPublish', () => (claimed.fire(), never()), { timeout: '1h' })
  const client = await rawClient(first.url)
  client.send('POST /orders HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\n')
  client.send('Content-Length: 12\r\n\r\n{"size":"m"}')
  await claimed.promise
  client.socket.destroy()
  expect((await order(`${second.url}/orders`, 'k')).json).toEqual({ results: '{"size":"m"} 1' })
  expect(kitchen.runs).toHaveLength(1)
})

test('a gateway that dies before it has noted that the task is sent costs a message, and no run', async () => {
  const kitchen = new Kitchen()
  const [first, second] = [await kitchen.instance(), await kitchen.instance()]
  const running = await kitchen.worker()
  const sent = signal()
  first.app.on('afterTaskPublish', () => (sent.fire(), never()), { timeout: '1h' })
  const client = await rawClient(first.url)
  client.send('POST /orders HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\n')
  client.send('Content-Length: 12\r\n\r\n{"size":"m"}')
  await sent.promise
  client.socket.destroy()
  expect((await order(`${second.url}/orders`, 'k')).json).toEqual({ results: '{"size":"m"} 1' })
  await until(() => running.stats().duplicates === 1)
  expect(kitchen.runs).toHaveLength(1)
})

test('a task that the broker has refused for certain leaves the key to the next try', async () => {
  const kitchen = new Kitchen()
  const { app, url } = await kitchen.instance()
  const running = await kitchen.worker()
  const { broker } = await app.client()
  vi.spyOn(broker, 'publish').mockRejectedValueOnce(new LovageError('PUBLISH_REFUSED', { problem: 'it is full' }))
  expect((await order(`${url}/orders`, 'k')).status).toBe(503)
  expect((await order(`${url}/orders`, 'k')).status).toBe(200)
  expect(running.stats()).toMatchObject({ duplicates: 0, succeeded: 1 })
})

test('a task that nobody ran is no answer: the next try begins anew', async () => {
  const kitchen = new Kitchen()
  const { url } = await kitchen.instance()
  const { json } = await order(`${url}/short`, 'k')
  const { id } = (json as { error: { id: string } }).error
  const running = await kitchen.worker([id])
  await until(() => running.stats().revoked === 1)
  let again: Answer
  do again = await order(`${url}/short`, 'k')
  while (again.status === 504)
  expect([again.status, kitchen.runs.length]).toEqual([200, 1])
})

test('a route that only accepts tells the same place again', async () => {
  const kitchen = new Kitchen()
  const [first, second] = [await kitchen.instance(), await kitchen.instance()]
  await kitchen.worker()
  const answers = [await order(`${first.url}/later`, 'k'), await order(`${second.url}/later`, 'k')]
  expect(answers.map(({ status }) => status)).toEqual([202, 202])
  expect(answers[0]?.headers.get('location')).toBe(answers[1]?.headers.get('location'))
})

test.each<[string, GivenSettings, string]>([
  ['without a store', { broker: 'amqp://localhost:1', backend: 'memory://x' }, 'needs a store'],
  ['with results that one gateway gets', { backend: 'rpc://' }, 'a result backend that stores results'],
  ['for longer than results are kept', { resultExpires: '1m' }, 'longer than results are kept'],
])('a route cannot join %s', (_name, settings, problem) => {
  const app = openApp(settings)
  const one = app.task('one', () => 1)
  expect(() => openGateway(app).post('/one', one, { join: HEADER })).toThrow(problem)
})

test.each<[unknown, string]>([
  [{}, 'has no key'],
  ['Idempotency-Key', 'must be an object'],
  [{ key: 'Idempotency-Key' }, 'key'],
  [{ key: {} }, 'without a header'],
  [{ key: bodyHash, ttl: 0 }, 'ttl'],
  [{ key: bodyHash, fingerprint: true }, 'fingerprint'],
  [{ key: bodyHash, time: 1 }, 'time'],
])('join: %j is refused when the route is bound', (join, problem) => {
  const app = openApp()
  const one = app.task('one', () => 1)
  expect(() => openGateway(app).post('/one', one, { join: join as JoinOptions })).toThrow(problem)
})
