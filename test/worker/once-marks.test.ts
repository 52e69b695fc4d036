import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Delivery } from '../../src/broker/broker.ts'
import { lovage, type GivenSettings } from '../../src/index.ts'
import { ONCE_HEADER } from '../../src/protocol/headers.ts'
import { encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { openStore } from '../../src/store/open.ts'
import { onceOf, type Once } from '../../src/worker/once.ts'
import { Work } from '../../src/worker/work.ts'
import { worker } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import { PATIENT } from '../services/patience.ts'
import { brokerUrl, redisUrl } from '../services/rabbitmq.ts'
import { TcpProxy } from '../services/tcp-proxy.ts'
import { Gate } from './bench.ts'

/** Taken in by some worker: the message of a task with this mark. */
function taken(id: string, mark: string): Work {
  const request = { ...newRequest({ id, task: 'one' }), custom: { [ONCE_HEADER]: mark } }
  const settled = (): boolean => true
  const delivery: Delivery = {
    ...{ message: encodeTask(request), queue: 'q', exchange: '', routingKey: 'q', redelivered: false, isOurs: true },
    ...{ ack: settled, requeue: settled, reject: settled },
  }
  return new Work(delivery, request)
}

/** Who remembers: where, and what the settings are for that. With a broker in memory there is a store, which comes first. */
const PLACES: Record<string, () => Promise<GivenSettings>> = {
  'the store': async () => ({ broker: `memory://${randomUUID()}` }),
  ...(available('redis') &&
    available('rabbitmq') && {
      'the results in Redis': async () => ({
        broker: await brokerUrl(import.meta.url),
        backend: await redisUrl(),
        ...PATIENT,
      }),
    }),
}

async function scene(place: string): Promise<{ workers: Once[]; id: string }> {
  const settings = (await PLACES[place]?.()) ?? {}
  const workers = [1, 2].map(() => {
    const app = lovage('shop', settings, { env: {} })
    expect(app.settings.store !== undefined).toBe(place === 'the store')
    onTestFinished(() => app.close())
    return onceOf(app, systemClock, new AbortController().signal)
  })
  return { workers, id: randomUUID() }
}

for (const place of Object.keys(PLACES)) {
  test(`of messages that ${place} knows, one that was lost before it began gives way to another`, async () => {
    const { workers, id } = await scene(place)
    const [one, other] = workers as [Once, Once]
    const first = taken(id, 'm1')
    expect(await one.ask(first)).toBe(true)
    expect(await other.ask(taken(id, 'm2'))).toBe(false)
    await first.onLost?.()
    expect(await other.ask(taken(id, 'm2'))).toBe(true)
    expect(await one.ask(taken(id, 'm1'))).toBe(false)
  })

  test(`of messages that ${place} knows, one that somebody else has asked for since is kept`, async () => {
    const { workers, id } = await scene(place)
    const [one, other] = workers as [Once, Once]
    const first = taken(id, 'm1')
    const again = taken(id, 'm1')
    expect(await one.ask(first)).toBe(true)
    expect(await other.ask(again)).toBe(true)
    expect(await other.ask(taken(id, 'm1'))).toBe(true)
    // It may have begun where it was before.
    for (const lost of [first, again]) await lost.onLost?.()
    expect(await one.ask(taken(id, 'm10'))).toBe(false)
    expect(await one.ask(taken(id, 'm1'))).toBe(true)
  })
}

describeWith(['rabbitmq'], 'a worker on RabbitMQ that is to run a task once', () => {
  let url: string
  const ends: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })

  test('runs a second message, where the first was lost to it and to RabbitMQ before it began', async () => {
    const proxy = await TcpProxy.start({ port: Number(new URL(url).port) })
    ends.push(() => proxy.stop())
    const store = openStore(`memory://${randomUUID()}`)
    const asked = new Gate()
    const answered = new Gate()
    const slow = new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        if (name !== 'set') return member.bind(target) as unknown
        return async (...args: unknown[]) => {
          asked.open()
          await answered.passed
          return Reflect.apply(member, target, args) as unknown
        }
      },
    })
    const settings = { ...PATIENT, store: `memory://${randomUUID()}`, defaultQueue: 'once' }
    const open = (broker: string): ReturnType<typeof lovage> => {
      const app = lovage('once', { ...settings, broker }, { env: {}, openStore: () => slow })
      ends.push(() => app.close())
      return app
    }
    const [near, far] = [open(url), open(proxy.urlFor(url))]
    let starts = 0
    far.task('count', () => ++starts)
    const running = worker(far, { gracePeriod: 0 })
    ends.push(() => running.stop())
    await running.start()
    const count = near.remote<() => number>('count')
    await count.applyAsync([], { taskId: 'a', once: true })
    await asked.passed
    proxy.mode = 'refusing'
    proxy.cut()
    const { admin } = (await near.client()).broker
    // Back in its queue; then it is gone, as with a RabbitMQ that has not kept it.
    await expect.poll(async () => (await admin?.depth('once'))?.messages).toBe(1)
    await admin?.purge('once')
    answered.open()
    await expect.poll(() => running.stats().lost).toBe(1)
    proxy.mode = 'open'
    const result = await count.applyAsync([], { taskId: 'a', once: true })
    expect(await result.get({ timeout: '60s' })).toBe(1)
    await expect.poll(() => running.stats().succeeded).toBe(1)
    expect(running.stats().duplicates).toBe(0)
  })
})
