import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Duration } from '../../src/base/duration.ts'
import { lovage, type App } from '../../src/app/app.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { TcpProxy } from '../services/tcp-proxy.ts'
import { worker } from '../../src/worker/worker.ts'
import { ask, openGateway, running, started, until } from './open-gateway.ts'

describeWith(['rabbitmq'], 'over RabbitMQ', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  /** An application whose wire to the broker can be hurt. */
  async function wired(
    publishTimeout: Duration = '1s',
    connectTimeout: Duration = '10s',
  ): Promise<{ app: App; proxy: TcpProxy }> {
    const proxy = await TcpProxy.start({ port: Number(new URL(url).port) })
    const broker = proxy.urlFor(url)
    const app = lovage('shop', { broker, publishTimeout, connectTimeout }, { env: {} })
    onTestFinished(async () => {
      proxy.mode = 'open'
      await app.close()
      await proxy.stop()
    })
    return { app, proxy }
  }

  test('a request becomes a task and its result the response', async () => {
    const { app } = await wired('20s')
    const add = app.task('add', (x: number, y: number) => x + y)
    const args = ({ query }: { query: Readonly<Record<string, unknown>> }): [number, number] => [
      Number(query['x']),
      Number(query['y']),
    ]
    const web = await running(app, openGateway(app).get('/add', add, { args }))
    const answers = await Promise.all(Array.from({ length: 100 }, (_, x) => ask(`${web}/add?x=${x}&y=1`)))
    expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 100 }, (_, x) => `{"results":${x + 1}}`))
  })

  test('a lost broker is a 503 within the time limit, then at once, and heals by itself', async () => {
    const { app, proxy } = await wired()
    const one = app.task('one', () => 1)
    const opened = openGateway(app, { probeCache: 0, probeTimeout: 500 }).get('/one', one)
    const web = await running(app, opened)
    expect((await ask(`${web}/one`)).status).toBe(200)

    proxy.mode = 'refusing'
    proxy.cut()
    const { broker } = await app.client()
    await until(() => broker.state === 'lost')
    const first = await ask(`${web}/one`)
    expect([first.status, first.headers.get('retry-after')]).toEqual([503, '5'])
    expect(first.text).not.toContain(new URL(url).port)
    // Once the loss has lasted, nobody is kept waiting for it.
    let refused = first
    for (let failed = -1; failed < app.counts().failed;) {
      failed = app.counts().failed
      refused = await ask(`${web}/one`)
      expect(refused.status).toBe(503)
    }
    expect(refused.json).toMatchObject({ error: { code: 'BROKER_UNREACHABLE' } })
    expect((await ask(`${web}/readyz`)).status).toBe(503)
    expect((await ask(`${web}/healthz`)).status).toBe(200)

    proxy.mode = 'open'
    await until(() => broker.state === 'connected')
    let healed = await ask(`${web}/one`)
    while (healed.status !== 200) healed = await ask(`${web}/one`)
    expect(healed.text).toBe('{"results":1}')
    expect((await ask(`${web}/readyz`)).status).toBe(200)
  })

  test('a broker that is there and says nothing is a 503 within the time limit, not a hang', async () => {
    const { app, proxy } = await wired()
    const one = app.task('one', () => 1)
    const web = await running(app, openGateway(app, { probeTimeout: 300 }).get('/one', one))
    expect((await ask(`${web}/one`)).status).toBe(200)
    proxy.mode = 'black-hole'
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`${web}/one`)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    expect((await ask(`${web}/readyz`)).status).toBe(503)
    // The worker is to end on a wire that works: on this one it would wait out each of its deadlines.
    proxy.mode = 'open'
    proxy.cut()
  })

  test('a broker that is away at the start is waited for: pages are served, tasks refused, and it heals', async () => {
    const { app, proxy } = await wired('1s', '500ms')
    proxy.mode = 'refusing'
    const one = app.task('one', () => 1)
    const opened = openGateway(app, { probeCache: 0, probeTimeout: '5s' })
      .get('/one', one)
      .handle('GET', '/now', () => 'here')
    const web = await started(opened)
    expect((await ask(`${web}/now`)).text).toBe('here')
    expect((await ask(`${web}/healthz`)).status).toBe(200)
    const refused = await ask(`${web}/one`)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    expect(refused.json).toEqual({ error: { code: 'BROKER_UNREACHABLE', message: 'The broker cannot be reached' } })
    expect((await ask(`${web}/readyz`)).status).toBe(503)

    proxy.mode = 'open'
    const other = worker(app, { gracePeriod: 0 })
    onTestFinished(() => other.stop())
    await other.start()
    let healed = await ask(`${web}/one`)
    while (healed.status === 503) healed = await ask(`${web}/one`)
    expect(healed.text).toBe('{"results":1}')
    expect((await ask(`${web}/readyz`)).status).toBe(200)
  })

  test('a gateway that waits for its broker stops when it is told to', async () => {
    const { app, proxy } = await wired('1s', '300ms')
    proxy.mode = 'refusing'
    const opened = openGateway(app)
    await opened.start()
    await opened.stop()
    expect(opened.url).toBeUndefined()
  })

  test('with requireBroker, a broker that is away at the start is said so, and which', async () => {
    const { app, proxy } = await wired('1s', '3s')
    proxy.mode = 'refusing'
    const opened = openGateway(app, { requireBroker: true })
    await expect(opened.start()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })
    expect(opened.url).toBeUndefined()
    proxy.mode = 'open'
    expect((await ask(`${await started(opened)}/readyz`)).status).toBe(200)
  })

  test('a wrong password is said at the start', async () => {
    const wrong = new URL(url)
    wrong.password = 'wrong'
    const app = lovage('shop', { broker: wrong.href }, { env: {} })
    onTestFinished(() => app.close())
    await expect(openGateway(app).start()).rejects.toMatchObject({ code: 'BROKER_REFUSED' })
  })
})
