import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { Emitter, type EmitterCounts, type EmitterOptions } from '../../src/fleet/emitter.ts'
import { LamportClock } from '../../src/fleet/lamport.ts'
import { EVENT_EXCHANGE } from '../../src/protocol/event.ts'
import { textMessage, within } from '../../src/testing/broker/scene.ts'
import { Watch } from '../fleet/watching.ts'
import { describeWith } from '../services/available.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { TcpProxy } from '../services/tcp-proxy.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

/** What holds for events over every kind of broker. */
function eventSuite(url: () => string): void {
  const started = async (): Promise<Broker & AsyncDisposable> => {
    const broker = openBroker(url(), PATIENT_BROKER)
    await broker.start()
    return Object.assign(broker, { [Symbol.asyncDispose]: () => broker.stop() })
  }
  const emitterOn = (broker: Broker, options: Partial<EmitterOptions> = {}): Emitter => {
    const lamport = new LamportClock()
    const emitter = new Emitter({ clock: systemClock, lamport, hostname: `${randomUUID()}@h`, tasks: true, ...options })
    emitter.open(broker)
    return emitter
  }

  test('all are heard by everybody who listens, in order', async () => {
    await using theirs = await started()
    await using ours = await started()
    await using one = await Watch.start(theirs)
    await using other = await Watch.start(ours)
    const emitter = emitterOn(ours)
    emitter.tell('worker-online', { freq: 2 })
    for (let at = 0; at < 1000; at++) emitter.task('task-started', { uuid: `i${at}` })
    await emitter.close()
    expect(emitter.counts).toEqual({ sent: 1001, dropped: 0 })
    for (const watch of [one, other]) {
      await watch.until('all are heard', () => watch.heard.length >= 1001)
      expect(watch.of('task-started').map(({ fields }) => fields['uuid'])).toEqual(
        Array.from({ length: 1000 }, (_, at) => `i${at}`),
      )
      expect(watch.of('worker-online')).toHaveLength(1)
      expect(watch.lamport.value).toBeGreaterThan(1001)
    }
  })

  test('of one kind are heard by who listens to that kind', async () => {
    await using broker = await started()
    await using workers = await Watch.start(broker, { routingKey: 'worker.#' })
    await using all = await Watch.start(broker)
    const emitter = emitterOn(broker)
    emitter.task('task-started', { uuid: 'i' })
    await all.event('task-started')
    emitter.tell('worker-heartbeat', { freq: 2 })
    await workers.event('worker-heartbeat')
    expect(workers.heard.map(({ type }) => type)).toEqual(['worker-heartbeat'])
    await emitter.close()
  })

  test('that are none, are counted and left', async () => {
    await using broker = await started()
    await using watch = await Watch.start(broker)
    const to = { exchange: EVENT_EXCHANGE, routingKey: 'task.multi' }
    const json = { contentType: 'application/json' }
    for (const message of [
      textMessage('{', json),
      textMessage('gAJ9cQAu', { contentType: 'application/x-python-serialize' }),
      textMessage('[1, {"type": "task-started"}]', json),
    ]) {
      await broker.publish(message, to, { mandatory: false })
    }
    const emitter = emitterOn(broker)
    emitter.task('task-started', { uuid: 'i' })
    await watch.event('task-started', 'i')
    expect(watch.listener.counts).toEqual({ heard: 1, refused: 4 })
    await emitter.close()
  })

  test('that nobody hears are gone, and cost nobody anything', async () => {
    await using broker = await started()
    const emitter = emitterOn(broker)
    for (let at = 0; at < 300; at++) emitter.task('task-started', { uuid: `i${at}` })
    await emitter.close()
    expect(emitter.counts).toEqual({ sent: 300, dropped: 0 })
  })
}

describe('events in memory', () => {
  const url = `memory://${randomUUID()}`
  eventSuite(() => url)
})

describe('events over the embedded broker', () => {
  const url = `embedded://${temporaryFolder()}`
  const owner = openBroker(url)
  beforeAll(() => owner.start())
  afterAll(() => owner.stop())
  eventSuite(() => url)
})

describeWith(['rabbitmq'], 'events over RabbitMQ', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })
  eventSuite(() => url)

  test('go on after a lost connection; those of tasks that happened meanwhile are told then', async () => {
    expect(await afterALoss(url)).toEqual({ sent: 3, dropped: 0 })
  })
})

describeWith(['redis'], 'events over Redis', () => {
  let redis: RedisNode
  beforeAll(async () => {
    redis = await RedisNode.start()
  })
  afterAll(() => redis.remove())
  eventSuite(() => redis.url())

  test('go on after a lost connection; those of tasks that happened meanwhile are told then', async () => {
    expect(await afterALoss(redis.url())).toEqual({ sent: 3, dropped: 0 })
  })
})

async function afterALoss(url: string): Promise<EmitterCounts> {
  const target = new URL(url)
  const proxy = await TcpProxy.start({ host: target.hostname, port: Number(target.port) })
  target.port = String(proxy.port)
  const [cut, whole] = [openBroker(target.href, PATIENT_BROKER), openBroker(url, PATIENT_BROKER)]
  const emitter = new Emitter({ clock: systemClock, lamport: new LamportClock(), hostname: 'w@h', tasks: true })
  try {
    await Promise.all([cut.start(), whole.start()])
    // One listener has lost its connection as well: it hears what is told once it is back.
    await using near = await Watch.start(cut)
    await using watch = await Watch.start(whole)
    emitter.open(cut)
    emitter.task('task-started', { uuid: 'before' })
    await watch.event('task-started', 'before')
    const lost = new Promise<void>((resolve) => cut.onState((state) => state === 'lost' && resolve()))
    const back = new Promise<void>((resolve) => cut.onState((state) => state === 'connected' && resolve()))
    proxy.mode = 'refusing'
    proxy.cut()
    await within('the loss is known', lost)
    emitter.task('task-started', { uuid: 'meanwhile' })
    emitter.tell('worker-heartbeat', { freq: 2 })
    expect(emitter.waiting).toBe(1)
    proxy.mode = 'open'
    await within('it is back', back)
    await watch.event('task-started', 'meanwhile')
    emitter.task('task-started', { uuid: 'after' })
    await near.event('task-started', 'after')
    await watch.event('task-started', 'after')
    // A heartbeat of then is no news.
    expect(watch.of('worker-heartbeat')).toEqual([])
    await emitter.close()
    return emitter.counts
  } finally {
    await Promise.all([cut.stop(), whole.stop()])
    await proxy.stop()
  }
}
