import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import { LovageError } from '../../src/base/errors.ts'
import type { Gateway, LimitOptions } from '../../src/gateway/gateway.ts'
import { ask, openApp, openGateway, running, signal, started, until } from './open-gateway.ts'

interface Door {
  readonly opened: Gateway
  readonly url: string
  readonly ends: (() => void)[]
}

async function door(limit: LimitOptions, settings: GivenSettings, noStore = false): Promise<Door> {
  const app = lovage('shop', { broker: `memory://${randomUUID()}`, ...settings }, { env: {} })
  if (noStore) Object.defineProperty(app, 'settings', { value: { ...app.settings, store: undefined } })
  onTestFinished(() => app.close())
  const ends: (() => void)[] = []
  const slow = app.task('slow', () => {
    const gate = signal()
    ends.push(() => gate.fire())
    return gate.promise
  })
  const quick = app.task('quick', () => 1)
  const opened = openGateway(app).get('/slow', slow, { limit }).get('/quick', quick, { limit })
  return { opened, url: await started(opened), ends }
}

async function works(settings: GivenSettings): Promise<void> {
  const app = openApp(settings)
  app.task('quick', () => 1)
  await running(app, openGateway(app))
}

const shared = (): GivenSettings => ({ broker: `memory://${randomUUID()}` })

test.each([
  ['in this process', true],
  ['over all gateways, where there is a store', false],
])('more than so many at a time are refused, %s', async (_where, noStore) => {
  const settings = shared()
  const first = await door({ concurrency: 2 }, settings, noStore)
  const second = noStore ? first : await door({ concurrency: 2 }, settings)
  const waits = [ask(`${first.url}/slow`), ask(`${second.url}/slow`)]
  await until(() => first.opened.inFlight + (noStore ? 0 : second.opened.inFlight) === 2)
  await expect.poll(async () => (await ask(`${first.url}/slow`)).status, { timeout: 60_000 }).toBe(429)
  const { json, headers } = await ask(`${second.url}/slow`)
  expect([json, headers.get('retry-after')]).toMatchObject([{ error: { code: 'LIMIT_REACHED' } }, '1'])
  // A route of its own has a limit of its own, and a place that was given back is free.
  const app = openApp(settings)
  app.task('slow', () => 'done')
  app.task('quick', () => 1)
  await running(app, openGateway(app))
  expect((await Promise.all(waits)).map(({ status }) => status)).toEqual([200, 200])
  await expect.poll(async () => (await ask(`${first.url}/slow`)).status, { timeout: 60_000 }).toBe(200)
})

test.each([
  ['in this process', true],
  ['over all gateways, where there is a store', false],
])('more than so many in a time are refused until it is over, %s', async (_where, noStore) => {
  const settings = shared()
  const first = await door({ rate: '2/m' }, settings, noStore)
  const second = noStore ? first : await door({ rate: '2/m' }, settings)
  await works(settings)
  const statuses = [first, second, first].map(
    ({ url }) =>
      () =>
        ask(`${url}/quick`),
  )
  const answers = []
  for (const send of statuses) answers.push(await send())
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
  expect(answers[2]?.json).toMatchObject({ error: { code: 'RATE_REACHED' } })
  const seconds = Number(answers[2]?.headers.get('retry-after'))
  expect([seconds > 0, seconds <= 60]).toEqual([true, true])
})

test('who is let in because the store is away does not keep a place', async () => {
  const settings = shared()
  await works(settings)
  const app = openApp(settings)
  const quick = app.task('quick', () => 1)
  const url = await started(openGateway(app).get('/quick', quick, { limit: { concurrency: 1, rate: '100/m' } }))
  const away = new LovageError('STORE_UNREACHABLE', { url: 'memory://', problem: 'it sleeps' })
  vi.spyOn(await app.store(), 'count').mockRejectedValueOnce(away)
  expect((await ask(`${url}/quick`)).status).toBe(200)
  // A place is kept for as long as the route may take, ten seconds, unless it is given back.
  await expect.poll(async () => (await ask(`${url}/quick`)).status, { timeout: 60_000 }).toBe(200)
})

test('each key has a limit of its own', async () => {
  const settings = shared()
  const { url } = await door({ rate: '1/h', key: ({ query }) => query['user'] as string | undefined }, settings)
  await works(settings)
  const answers = []
  for (const user of ['ann', 'bob', 'ann']) answers.push((await ask(`${url}/quick?user=${user}`)).status)
  expect(answers).toEqual([200, 200, 429])
})

test.each<[unknown, string]>([
  [{}, 'limits nothing'],
  [{ key: () => 'x' }, 'limits nothing'],
  [{ rate: 10 }, 'no rate'],
  [{ rate: '10/d' }, 'no rate'],
  [{ concurrency: 0 }, 'concurrency'],
  [{ concurrency: 1, key: 'user' }, 'key'],
  [7, 'must be an object'],
])('limit: %j is refused when the route is bound', (limit, problem) => {
  const app = openApp()
  const one = app.task('one', () => 1)
  expect(() => openGateway(app).get('/one', one, { limit: limit as LimitOptions })).toThrow(problem)
})
