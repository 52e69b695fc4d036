import { afterEach, expect, it } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import { sleep, systemClock } from '../../src/base/clock.ts'
import type { WorkerList } from '../../src/dashboard/api-fleet.ts'
import { eventExchange } from '../../src/fleet/exchange.ts'
import { encodeEvent, EVENT_EXCHANGE, eventKey } from '../../src/protocol/event.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { PATIENT } from '../services/patience.ts'
import { describeWith, redisUrl } from '../services/rabbitmq.ts'
import { TcpProxy } from '../services/tcp-proxy.ts'
import { type Answer, type Board, openBoard } from './open-board.ts'

const closes: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closes.splice(0).toReversed()) await close()
})

/** A worker tells something of itself. */
async function tell(app: App, hostname: string, type: string, nowMs: number): Promise<void> {
  const { broker } = await app.client()
  await broker.declare({ exchanges: [eventExchange(broker)] })
  const fields = { freq: 2, active: 0, processed: 3, sw_ident: 'py-celery', sw_ver: '5.6.3', sw_sys: 'Linux' }
  const event = { hostname, utcoffset: 0, pid: 1, clock: 1, type, timestamp: nowMs / 1000, fields }
  await broker.publish(
    encodeEvent(event),
    { exchange: EVENT_EXCHANGE, routingKey: eventKey(type) },
    { mandatory: false },
  )
}

/** Asks until the answer is as wanted. */
async function until(board: Board, path: string, isSo: (answer: Answer) => boolean): Promise<Answer> {
  for (;;) {
    const answer = await board.ask(path)
    if (isSo(answer)) return answer
    await sleep(systemClock, 50)
  }
}

describeWith(['redis'], 'a dashboard that loses its broker', () => {
  const isOf = (name: string, { workers }: WorkerList): boolean => workers.some((worker) => worker.name === name)

  it('says that what it shows is old, and no more when it hears again', { timeout: 300_000 }, async () => {
    const url = await redisUrl()
    const proxy = await TcpProxy.start({ port: Number(new URL(url).port) })
    closes.push(() => proxy.stop())
    const app = lovage('shop', { broker: proxy.urlFor(url) }, { env: {} })
    const teller = lovage('teller', { broker: url, ...PATIENT }, { env: {} })
    closes.push(
      () => app.close(),
      () => teller.close(),
    )
    const board = await openBoard({ pollInterval: '50ms' }, { app })
    closes.push(() => board.close())
    const paths = ['overview?range=1h', 'tasks', 'workers', 'queues', 'gateways'].map((path) => `/api/v1/${path}`)
    const before = `celery@before-${systemClock.uuid()}`
    await tell(teller, before, 'worker-online', systemClock.now())
    await until(board, '/api/v1/workers', ({ json }) => isOf(before, json))
    for (const path of paths) await until(board, path, ({ json }) => json.staleBecause === undefined)

    proxy.mode = 'refusing'
    proxy.cut()
    for (const path of paths) {
      const { json } = await until(board, path, (answer) => answer.json.staleBecause !== undefined)
      expect(json.staleBecause, path).toMatch(/broker|connection|reached/i)
    }
    const { json } = await board.ask('/api/v1/overview?range=1h')
    expect(json.attention[0]).toMatchObject({ level: 'bad', text: expect.stringContaining('what is shown is old') })
    // What it knew is still there.
    expect(isOf(before, (await board.ask('/api/v1/workers')).json)).toBe(true)

    proxy.mode = 'open'
    for (const path of paths) await until(board, path, (answer) => answer.json.staleBecause === undefined)
    const after = `celery@after-${systemClock.uuid()}`
    await tell(teller, after, 'worker-online', systemClock.now())
    await until(board, '/api/v1/workers', (answer) => isOf(after, answer.json))
  })
})

it('forgets a worker that nobody has heard of for `forgetAfter`', async () => {
  const clock = new VirtualClock()
  const app = lovage('shop', { broker: 'memory://forgotten' }, { env: {} })
  closes.push(() => app.close())
  const board = await openBoard({ forgetAfter: '10h' }, { app, clock })
  closes.push(() => board.close())
  /** Time passes until it is answered: workers that are gone are waited for. */
  const asked = async (path: string): Promise<Answer> => {
    let answer: Answer | undefined
    void board.ask(path).then((given) => (answer = given))
    while (!answer) {
      await clock.play(100)
      await sleep(systemClock, 2)
    }
    return answer
  }
  const names = async (): Promise<string[]> =>
    ((await asked('/api/v1/workers')).json as WorkerList).workers.map(({ name }) => name)
  const shown = async (): Promise<[list: string[], inMetrics: boolean]> => [
    await names(),
    (await asked('/metrics')).text.includes('celery@gone'),
  ]

  await tell(app, 'celery@gone', 'worker-online', clock.now())
  await tell(app, 'celery@gone', 'worker-heartbeat', clock.now())
  await tell(app, 'celery@stays', 'worker-online', clock.now())
  while ((await names()).length < 2) await clock.play(10)
  await tell(app, 'celery@gone', 'worker-offline', clock.now())
  // At once: what turns each second need not do so for hours.
  clock.advance(9 * 3_600_000)
  await tell(app, 'celery@stays', 'worker-heartbeat', clock.now())
  expect(await shown()).toEqual([['celery@gone', 'celery@stays'], true])
  clock.advance(2 * 3_600_000)
  await clock.play(10_000)
  expect(await shown()).toEqual([['celery@stays'], false])
  // Back again, it is shown again.
  await tell(app, 'celery@gone', 'worker-heartbeat', clock.now())
  while ((await names()).length < 2) await clock.play(10)
})
