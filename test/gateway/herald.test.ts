import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { gateway } from '../../src/gateway/gateway.ts'
import { respond } from '../../src/gateway/reply.ts'
import { Spread } from '../../src/gateway/spread.ts'
import { type App, lovage } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { Watch } from '../fleet/watching.ts'
import { describeWith } from '../services/available.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { signal } from './open-gateway.ts'
import { PATIENT } from '../services/patience.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function listening(broker: string): Promise<{ app: App; watch: Watch }> {
  const app = lovage('told', { broker, ...PATIENT }, { env: {} })
  ends.push(() => app.close())
  const client = await app.client()
  const watch = await Watch.start(client.broker)
  ends.push(() => watch[Symbol.asyncDispose]())
  return { app, watch }
}

describe('a gateway tells of itself by events', () => {
  test('that it comes, how its routes do, and that it goes', async () => {
    const { app, watch } = await listening(`memory://${randomUUID()}`)
    const held = signal<number>()
    const add = app.task('shop.add', (x: number, y: number) => x + y)
    const hold = app.task('shop.hold', () => held.promise)
    const web = gateway(app, { port: 0, eventInterval: 50 })
      .get('/sum/:x/:y', add, { args: ({ params }) => [Number(params.x), Number(params.y)] })
      .post('/hold', hold)
      .handle('GET', '/teapot', () => respond(418, 'short and stout'))
    const working = worker(app, { concurrency: 4 })
    ends.push(() => working.stop())
    await working.start()
    await web.start()
    const online = await watch.event('gateway-online')
    expect(online).toMatchObject({ hostname: expect.stringMatching(/^gateway-\d+(-\d+)?@/) })
    expect(online.fields).toMatchObject({ freq: 0.05, url: web.url, inFlight: 0, routes: [], sw_ident: 'lovage' })

    for (let x = 0; x < 10; x++) expect((await fetch(`${web.url}/sum/${x}/2`)).status).toBe(200)
    await fetch(`${web.url}/teapot`)
    await fetch(`${web.url}/nowhere?secret=1`)
    const holding = fetch(`${web.url}/hold`, { method: 'POST' })
    type Route = Record<string, unknown>
    const routes = (): Route[] => (watch.of('gateway-heartbeat').at(-1)?.fields['routes'] ?? []) as Route[]
    await watch.until('it waits', () => routes().some(({ path, inFlight }) => path === '/hold' && inFlight === 1))
    const told = routes()
    expect(told).toHaveLength(3)
    const [sum] = told
    expect(sum).toMatchObject({
      method: 'GET',
      path: '/sum/:x/:y',
      task: 'shop.add',
      inFlight: 0,
      statuses: { 200: 10 },
    })
    expect(sum).toMatchObject({ rate: expect.any(Number), p50Ms: expect.any(Number), refusals: {} })
    const [p50, p95, p99] = [sum?.['p50Ms'], sum?.['p95Ms'], sum?.['p99Ms']] as number[]
    expect([p50, p95, p99]).toEqual([p50, p95, p99].toSorted((a, b) => Number(a) - Number(b)))
    expect(told.find(({ path }) => path === '/teapot')).toMatchObject({ statuses: { 418: 1 }, task: null })

    held.fire(1)
    await (await holding).text()
    await web.stop()
    await watch.event('gateway-offline')
  })

  test('not where it is told to be silent', async () => {
    const { app, watch } = await listening(`memory://${randomUUID()}`)
    const web = gateway(app, { port: 0, eventInterval: 0 }).handle('GET', '/', () => 'here')
    await web.start()
    await fetch(`${web.url}/`)
    await web.stop()
    expect(watch.heard).toEqual([])
  })
})

describe('lengths of time lately', () => {
  test('are told within a sixth of what they are', () => {
    const spread = new Spread(3)
    expect(spread.within(0.5)).toEqual([null])
    for (let ms = 1; ms <= 1_000; ms++) spread.add(ms)
    const [p50, p95, p99] = spread.within(0.5, 0.95, 0.99) as [number, number, number]
    for (const [told, is] of [
      [p50, 500],
      [p95, 950],
      [p99, 990],
    ] as const) {
      expect(told).toBeGreaterThanOrEqual(is)
      expect(told).toBeLessThan(is * 1.17)
    }
    spread.add(1e12)
    expect(spread.count).toBe(1_001)
  })

  test('are forgotten part by part', () => {
    const spread = new Spread(2)
    spread.add(5)
    spread.turn()
    spread.add(500)
    expect(spread.count).toBe(2)
    spread.turn()
    expect(spread.count).toBe(1)
    spread.turn()
    expect(spread.within(0.99)).toEqual([null])
  })
})

describeWith(['rabbitmq', 'celery'], 'Celery’s own programs', () => {
  let broker: string
  beforeAll(async () => {
    broker = await brokerUrl(import.meta.url)
  })

  test('pass over what gateways tell, and go on', async () => {
    const files = { 'state.py': readFileSync(new URL('celery-state.py', import.meta.url), 'utf8') }
    const state = startPython(['state.py'], { files, env: { BROKER: broker } })
    ends.push(() => state.kill())
    const app = lovage('told', { broker, ...PATIENT }, { env: {} })
    ends.push(() => app.close())
    const web = gateway(app, { port: 0, eventInterval: 100 }).handle('GET', '/', () => 'here')
    ends.push(() => web.stop())
    await web.start()
    await fetch(`${web.url}/`)
    await state.line(/^HEARD gateway-heartbeat/, { timeoutMs: 60_000 })
    const working = worker(app, { hostname: 'w@here', heartbeatInterval: 100 })
    ends.push(() => working.stop())
    await working.start()
    expect(await state.line(/^WORKERS w@here/, { timeoutMs: 60_000 })).toBe('WORKERS w@here')
  }, 240_000)
})
