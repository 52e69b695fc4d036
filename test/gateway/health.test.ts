import { expect, test } from 'vitest'
import type { App, Client } from '../../src/app/app.ts'
import { LovageError } from '../../src/base/errors.ts'
import { ask, openApp, openGateway, signal, started } from './open-gateway.ts'

/** An application whose broker answers probes as the test says. */
async function probed(probe: (timeoutMs: number) => Promise<void>): Promise<{ app: App; probes: number[] }> {
  const app = openApp()
  const client = await app.client()
  const probes: number[] = []
  const broker = Object.create(client.broker, {
    probe: {
      value: (timeoutMs: number) => {
        probes.push(timeoutMs)
        return probe(timeoutMs)
      },
    },
    state: { get: () => client.broker.state },
    onState: { value: client.broker.onState.bind(client.broker) },
  }) as Client['broker']
  app.client = async () => ({ ...client, broker })
  return { app, probes }
}

test('/healthz says that the process lives, and nothing of the broker', async () => {
  const { app, probes } = await probed(() => Promise.reject(new LovageError('BROKER_CLOSED')))
  const url = await started(openGateway(app))
  expect((await ask(`${url}/healthz`)).json).toEqual({ status: 'ok' })
  expect((await ask(`${url}/healthz`, { method: 'HEAD' })).status).toBe(200)
  expect(probes).toEqual([])
})

test('/readyz proves the way to the broker', async () => {
  const answer = await ask(`${await started(openGateway(openApp()))}/readyz`)
  expect(answer.status).toBe(200)
  expect(answer.json).toEqual({ status: 'ok', broker: { tookMs: expect.any(Number) } })
})

test('/readyz names what is wrong, without addresses', async () => {
  const { app } = await probed(() =>
    Promise.reject(new LovageError('BROKER_UNREACHABLE', { url: 'amqp://secret-host', problem: 'gone' })),
  )
  const answer = await ask(`${await started(openGateway(app))}/readyz`)
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  expect(answer.json).toEqual({
    status: 'unavailable',
    error: { code: 'BROKER_UNREACHABLE', message: 'The broker cannot be reached' },
  })
})

test('/readyz answers within its deadline although the broker does not', async () => {
  const { app } = await probed(() => new Promise(() => {}))
  const answer = await ask(`${await started(openGateway(app, { probeTimeout: 50 }))}/readyz`)
  expect(answer.json).toMatchObject({ status: 'unavailable', error: { code: 'PUBLISH_TIMEOUT' } })
})

test('a crowd at /readyz is one look at the broker', async () => {
  const gate = signal()
  const { app, probes } = await probed(() => gate.promise)
  const url = await started(openGateway(app, { probeTimeout: '3s', probeCache: '1h' }))
  const crowd = Array.from({ length: 100 }, () => ask(`${url}/readyz`))
  while (probes.length === 0) await new Promise((resolve) => setImmediate(resolve))
  gate.fire()
  expect((await Promise.all(crowd)).map(({ status }) => status)).toEqual(Array(100).fill(200))
  expect((await ask(`${url}/readyz`)).status).toBe(200)
  expect(probes).toEqual([3000])
})

test('/readyz looks again once its answer is old', async () => {
  let up = false
  const { app } = await probed(async () => {
    if (!up) throw new LovageError('BROKER_CLOSED')
  })
  const url = await started(openGateway(app, { probeCache: 0 }))
  expect((await ask(`${url}/readyz`)).status).toBe(503)
  up = true
  expect((await ask(`${url}/readyz`)).status).toBe(200)
})

test('a route of the same name takes the place of a built-in one', async () => {
  const opened = openGateway(openApp()).handle('GET', '/healthz', () => 'mine')
  const url = await started(opened)
  expect((await ask(`${url}/healthz`)).text).toBe('mine')
  expect((await ask(`${url}/readyz`)).status).toBe(200)
})
