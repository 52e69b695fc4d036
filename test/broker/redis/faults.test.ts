import { randomUUID } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import type { Broker } from '../../../src/broker/broker.ts'
import { type BrokerOptions, openBroker } from '../../../src/broker/open.ts'
import { Inbox, textMessage, textOf, toQueue, until } from '../../../src/testing/broker/scene.ts'
import { onLog, type LogRecord } from '../../../src/base/log.ts'
import { describeWith } from '../../services/available.ts'
import { RedisScene } from '../../services/redis-scene.ts'
import { freePort } from '../../services/ports.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'

interface Flow {
  readonly confirmed: readonly string[]
  readonly seen: ReadonlySet<string>
}

/** Everything here is about one flow: one broker publishes without end, another reads. */
describeWith(['redis'], 'a Redis that is hurt', () => {
  const redis = new RedisScene()
  let queue: string
  let open: Broker[]

  beforeEach(() => {
    queue = `q-${randomUUID()}`
    open = []
  })

  const started = async (options: BrokerOptions = {}): Promise<Broker> => {
    const one = await redis.started(openBroker(redis.proxyUrl(), { ...PATIENT_BROKER, ...options }))
    open.push(one)
    await one.declare({ queues: [{ name: queue }] })
    return one
  }

  /** Publishes numbers while `hurt` runs, and some more; all that were confirmed are read, and nothing stands still. */
  const flow = async (hurt: () => Promise<unknown>, options: BrokerOptions = {}): Promise<Flow> => {
    // Short, so that many are sent while it hurts.
    const [producer, reader] = [await started({ publishTimeoutMs: 500, ...options }), await started(options)]
    const seen = new Set<string>()
    const inbox = new Inbox()
    const onDelivery = (delivery: Parameters<Inbox['take']>[0]): void => {
      inbox.take(delivery)
      seen.add(textOf(delivery))
      delivery.ack()
    }
    await reader.consume({ queues: [queue], prefetch: 5, onDelivery })
    const confirmed: string[] = []
    let number = 0
    let isOver = false
    const publish = async (): Promise<void> => {
      const text = String(++number)
      await producer.publish(textMessage(text), toQueue(queue)).then(
        () => confirmed.push(text),
        () => {},
      )
    }
    const stream = (async () => {
      while (!isOver) await publish()
    })()
    await until('messages flow', () => seen.size >= 20)
    await hurt()
    const before = seen.size
    await until('messages flow again', () => seen.size >= before + 20)
    isOver = true
    await stream
    await until('all that was confirmed is read', () => confirmed.every((text) => seen.has(text)))
    await until('nothing is left in hand', async () => Number(await redis.command('HLEN', 'unacked')) === 0)
    await until('nothing waits', async () => (await reader.admin?.depth(queue))?.messages === 0)
    return { confirmed, seen }
  }

  const hurts: [name: string, hurt: () => Promise<unknown>, options?: BrokerOptions][] = [
    ['killed and started again', () => redis.killAndStart()],
    ['stopped in order and started again', () => redis.node.stop().then(() => redis.node.start())],
    ['connections cut', async () => redis.proxy.cut()],
    ['connections killed by a command', () => redis.killClients()],
    [
      'halted, and going on',
      async () => {
        redis.node.pause()
        const probe = openBroker(redis.url(), { connectTimeoutMs: 700 })
        await expect(probe.start()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })
        redis.node.resume()
      },
    ],
    ['paused for clients', () => redis.command('CLIENT', 'PAUSE', 700, 'ALL')],
    [
      'a wire that carries nothing any more, and tells nobody',
      () => redis.blackHole(),
      { heartbeatS: 1, connectTimeoutMs: 3000 },
    ],
    [
      'a master that becomes a copy, which takes no writes, and then a master again',
      async () => {
        await redis.command('REPLICAOF', '127.0.0.1', await freePort())
        await until('all are gone', () => open.every((one) => one.state === 'lost'))
        await redis.command('REPLICAOF', 'NO', 'ONE')
      },
    ],
    ['scripts forgotten', () => redis.command('SCRIPT', 'FLUSH')],
  ]

  test.each(hurts)('%s: what was confirmed is read, and nothing stands still', async (_name, hurt, options) => {
    const { confirmed, seen } = await flow(hurt, options)
    expect(confirmed.length).toBeGreaterThan(20)
    expect(confirmed.filter((text) => !seen.has(text))).toEqual([])
  })

  test('out of memory it refuses messages by name, and what waits is still read', async () => {
    const [producer, reader] = [await started(), await started()]
    const texts = Array.from({ length: 300 }, (_, i) => String(i))
    await Promise.all(texts.map((text) => producer.publish(textMessage(text), toQueue(queue))))
    await redis.command('CONFIG', 'SET', 'maxmemory', 1)
    try {
      await expect(producer.publish(textMessage('x'), toQueue(queue))).rejects.toMatchObject({
        code: 'PUBLISH_REFUSED',
        message: expect.stringContaining('OOM'),
      })
      const inbox = new Inbox()
      await reader.consume({ queues: [queue], prefetch: 10, onDelivery: (delivery) => inbox.take(delivery) })
      expect(await inbox.texts(texts.length)).toEqual(texts)
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', 0)
    }
    await producer.publish(textMessage('x'), toQueue(queue))
  })

  test('it is said once when the server may lose what it has', async () => {
    const said: LogRecord[] = []
    const end = onLog((record) => said.push(record))
    await redis.command('CONFIG', 'SET', 'appendonly', 'no')
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    try {
      await started()
      await started()
    } finally {
      await redis.command('CONFIG', 'SET', 'appendonly', 'yes')
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      end()
    }
    const risks = said.filter(({ message }) => message === 'this Redis may lose messages')
    expect(risks.map(({ fields }) => String(fields.problem).split(' ')[0])).toEqual(['appendonly', 'maxmemory-policy'])
  })

  test('where the server cannot tell of new messages, it is said, and queues are looked at', async () => {
    await redis.command('ACL', 'SETUSER', 'deaf', 'on', '>secret', '~*', '&*', '+@all', '-client|tracking')
    const said: LogRecord[] = []
    const end = onLog((record) => said.push(record))
    const reader = await redis.started(openBroker(redis.url().replace('//', '//deaf:secret@')))
    await reader.declare({ queues: [{ name: queue }] })
    const inbox = new Inbox()
    await reader.consume({ queues: [queue], prefetch: 10, onDelivery: (delivery) => inbox.take(delivery) })
    const producer = await started()
    for (const text of ['a', 'b', 'c']) {
      await producer.publish(textMessage(text), toQueue(queue))
      expect(await inbox.texts(1)).toEqual([text])
    }
    end()
    expect(said.filter(({ message }) => message.startsWith('this Redis does not tell'))).toHaveLength(1)
  })

  test('a wrong password and an unknown database are BROKER_REFUSED at once', async () => {
    for (const url of [`redis://:wrong@127.0.0.1:${redis.port}`, redis.url(99)]) {
      await expect(openBroker(url).start()).rejects.toMatchObject({ code: 'BROKER_REFUSED' })
    }
  })
})
