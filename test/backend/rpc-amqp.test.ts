import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type App, currentTask, lovage } from '../../src/index.ts'
import type { Broker, BrokerState } from '../../src/broker/broker.ts'
import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { success } from '../../src/testing/backend-suite.ts'
import { tinyWorker } from '../app/tiny-worker.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { TcpProxy } from '../services/tcp-proxy.ts'
import { PATIENT, PATIENT_BROKER } from '../services/patience.ts'

function stateComes(broker: Broker, wanted: BrokerState): Promise<void> {
  return new Promise((resolve) => {
    const off = broker.onState((state) => {
      if (state !== wanted) return
      off()
      resolve()
    })
  })
}

describeWith(['rabbitmq'], 'rpc results over RabbitMQ', () => {
  let url: string
  let proxy: TcpProxy
  let client: App
  let worker: App

  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  beforeEach(async () => {
    const { hostname, port } = new URL(url)
    proxy = await TcpProxy.start({ host: hostname, port: Number(port) })
    client = lovage('client', { broker: proxy.urlFor(url), ...PATIENT }, { env: {} })
    worker = lovage('worker', { broker: url, ...PATIENT }, { env: {} })
  })

  afterEach(async () => {
    await Promise.all([client.close(), worker.close()])
    await proxy.stop()
  })

  test('a call goes to another application and its result comes back', async () => {
    worker.task('add', (x: number, y: number) => x + y)
    await tinyWorker(worker, ['sums'])
    const add = client.remote<(x: number, y: number) => number>('add', { queue: 'sums' })
    expect(await add.delay(2, 3).get({ timeout: '60s' })).toBe(5)
    const sendings = Array.from({ length: 100 }, (_, index) => add.delay(index, index).get({ timeout: '60s' }))
    expect(await Promise.all(sendings)).toEqual(Array.from({ length: 100 }, (_, index) => 2 * index))
  })

  test('a result comes back although the connection of who asked was cut while the task ran', async () => {
    let finish = (): void => {}
    const running = new Promise<void>((resolve) => {
      worker.task('slow', async () => {
        const done = new Promise<void>((end) => (finish = end))
        resolve()
        await done
        return currentTask().id
      })
    })
    await tinyWorker(worker, ['cuts'])
    const result = await client.sendTask<string>('slow', [], {}, { queue: 'cuts' })
    const waiting = result.get({ timeout: '60s' })
    await running
    const { broker, backend } = await client.client()
    const lost = stateComes(broker, 'lost')
    proxy.mode = 'refusing'
    proxy.cut()
    await lost
    const { admin } = (await worker.client()).broker
    const replies = (): unknown => admin?.depth(backend.replyTo ?? '')
    await expect.poll(replies).toMatchObject({ messages: 0, consumers: 0 })
    finish()
    // It waits where the client will look for it.
    await expect.poll(replies).toMatchObject({ messages: 1, consumers: 0 })
    proxy.mode = 'open'
    expect(await waiting).toBe(result.id)
    await expect.poll(replies).toMatchObject({ messages: 0, consumers: 1 })
  })

  test('a result that the broker wrote to a connection already dead comes again on the next one', async () => {
    const { broker, backend } = await client.client()
    const far = await worker.client()
    const to = { replyTo: backend.replyTo ?? '' }
    const expectation = await backend.expect('a')
    const replies = (): unknown => far.broker.admin?.depth(to.replyTo)
    await expect.poll(replies).toMatchObject({ consumers: 1 })
    proxy.mode = 'black-hole'
    await far.backend.put(success('a', 1), to)
    // Neither side knows: to the broker the result is on its way to a consumer that is there.
    await expect.poll(replies).toMatchObject({ messages: 0, consumers: 1 })
    expect([broker.state, expectation.latest]).toEqual(['connected', undefined])
    proxy.mode = 'open'
    proxy.cut()
    expect(await expectation.done).toMatchObject({ id: 'a', state: 'SUCCESS' })
  })

  test('the reply queue goes with the application', async () => {
    const other = openBroker(url, PATIENT_BROKER)
    await other.start()
    const broker = openBroker(url, PATIENT_BROKER)
    await broker.start()
    const backend = openBackend('rpc://', { broker })
    await backend.start()
    const expectation = await backend.expect('a')
    await backend.put(success('a', 1), { replyTo: backend.replyTo ?? '' })
    await expectation.done
    expect(await other.admin?.depth(backend.replyTo ?? '')).toMatchObject({ consumers: 1 })
    await backend.stop()
    expect(await other.admin?.depth(backend.replyTo ?? '')).toBeUndefined()
    await Promise.all([broker.stop(), other.stop()])
  })
})
