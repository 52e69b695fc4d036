import { beforeAll, expect, test } from 'vitest'
import type { Broker, BrokerState } from '../../src/broker/broker.ts'
import { openBroker, type BrokerOptions } from '../../src/broker/open.ts'
import { Inbox, textMessage, textOf, toQueue, until, within } from '../../src/testing/broker/scene.ts'
import { PATIENT_BROKER } from '../services/patience.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { TcpProxy } from '../services/tcp-proxy.ts'

describeWith(['rabbitmq'], 'an amqp broker on a bad wire', () => {
  let url: string
  let names = 0
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  interface Wire {
    readonly proxy: TcpProxy
    readonly broker: Broker
    /** On a wire of its own that nobody hurts. */
    readonly witness: Broker
    readonly queue: string
    readonly states: BrokerState[]
  }

  function onWire(name: string, play: (wire: Wire) => Promise<void>, options: BrokerOptions = {}): void {
    test(name, async () => {
      const { hostname, port } = new URL(url)
      const proxy = await TcpProxy.start({ host: hostname, port: Number(port) })
      const broker = openBroker(proxy.urlFor(url), options)
      const witness = openBroker(url, PATIENT_BROKER)
      const states: BrokerState[] = []
      broker.onState((state) => states.push(state))
      const queue = `faults-${++names}`
      try {
        await Promise.all([broker.start(), witness.start()])
        await broker.declare({ queues: [{ name: queue }] })
        await play({ proxy, broker, witness, queue, states })
      } finally {
        proxy.mode = 'open'
        await within('the brokers stop', Promise.all([broker.stop(), witness.stop()]))
        await proxy.stop()
      }
      expect(broker.state).toBe('stopped')
    })
  }

  async function collect(broker: Broker, queue: string, prefetch = 50): Promise<Inbox> {
    const inbox = new Inbox()
    inbox.consumer = await broker.consume({ queues: [queue], prefetch, onDelivery: (one) => inbox.take(one) })
    return inbox
  }

  onWire(
    'cut while messages fly: every publish settles, nothing confirmed is lost, the consumer goes on',
    async (w) => {
      const seen = new Set<string>()
      await w.broker.consume({
        queues: [w.queue],
        prefetch: 20,
        onDelivery: (delivery) => {
          seen.add(textOf(delivery))
          delivery.ack()
        },
      })
      const confirmed: string[] = []
      let settled = 0
      let sent = 0
      for (let round = 1; round <= 4; round++) {
        for (let i = 0; i < 300; i++) {
          const text = String(sent++)
          const done = w.broker.publish(textMessage(text), toQueue(w.queue), { timeoutMs: 60_000 })
          void done.then(
            () => (settled++, confirmed.push(text)),
            () => settled++,
          )
        }
        await until('some are confirmed', () => confirmed.length > (round - 1) * 300)
        w.proxy.cut()
        await until('it is connected again', () => w.broker.state === 'connected' && w.proxy.connected > round)
      }
      await until('every publish is settled', () => settled === sent)
      expect(confirmed.length).toBe(sent)
      await until('everything confirmed was read', () => confirmed.every((text) => seen.has(text)))
      expect(w.states.filter((state) => state === 'lost').length).toBeGreaterThanOrEqual(4)
    },
  )

  onWire('what is published while the broker is away goes when it is back', async (w) => {
    w.proxy.mode = 'refusing'
    w.proxy.cut()
    await until('the loss is seen', () => w.broker.state === 'lost')
    const sent = w.broker.publish(textMessage('patient'), toQueue(w.queue), { timeoutMs: 60_000 })
    w.proxy.mode = 'open'
    await sent
    expect(textOf(await (await collect(w.witness, w.queue)).next())).toBe('patient')
  })

  onWire(
    'a publish that finds no broker until its deadline fails with BROKER_UNREACHABLE and is not sent',
    async (w) => {
      w.proxy.mode = 'refusing'
      w.proxy.cut()
      await until('the loss is seen', () => w.broker.state === 'lost')
      const begun = performance.now()
      await expect(w.broker.publish(textMessage('late'), toQueue(w.queue), { timeoutMs: 300 })).rejects.toMatchObject({
        code: 'BROKER_UNREACHABLE',
      })
      expect(performance.now() - begun).toBeGreaterThan(250)
      await expect(w.broker.probe(100)).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })
      w.proxy.mode = 'open'
      await w.broker.publish(textMessage('in time'), toQueue(w.queue), { timeoutMs: 60_000 })
      expect(textOf(await (await collect(w.witness, w.queue)).next())).toBe('in time')
    },
  )

  onWire('a publish that nobody answers fails with PUBLISH_TIMEOUT at its deadline', async (w) => {
    w.proxy.mode = 'black-hole'
    const begun = performance.now()
    await expect(w.broker.publish(textMessage('x'), toQueue(w.queue), { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'PUBLISH_TIMEOUT',
      details: { timeoutMs: 300 },
    })
    expect(performance.now() - begun).toBeGreaterThan(250)
    await expect(w.broker.probe(100)).rejects.toMatchObject({ code: 'PUBLISH_TIMEOUT' })
  })

  onWire(
    'silence is taken for a loss after two heartbeats, and what was under way is sent again',
    async (w) => {
      w.proxy.mode = 'black-hole'
      const sent = w.broker.publish(textMessage('again'), toQueue(w.queue), { timeoutMs: 60_000 })
      await until('the loss is seen', () => w.states.includes('lost'))
      w.proxy.mode = 'open'
      await sent
      expect(textOf(await (await collect(w.witness, w.queue)).next())).toBe('again')
    },
    { heartbeatS: 1 },
  )

  onWire('a delivery of a lost connection is no longer ours, and comes again', async (w) => {
    const inbox = await collect(w.broker, w.queue)
    await w.witness.publish(textMessage('x'), toQueue(w.queue))
    const first = await inbox.next()
    w.proxy.cut()
    await until('the loss is seen', () => w.states.includes('lost'))
    expect(first.ack()).toBe(false)
    const again = await inbox.next()
    expect([textOf(again), again.redelivered]).toEqual(['x', true])
    expect([first.requeue(), again.ack()]).toEqual([false, true])
    await until('the queue is empty and read', async () => {
      const depth = await w.witness.admin?.depth(w.queue)
      return depth?.messages === 0 && depth.consumers === 1
    })
  })

  onWire(
    'queues that went with the connection are declared, bound and read again before anything is sent',
    async (w) => {
      const [own, exchange] = [`${w.queue}-own`, `${w.queue}-x`]
      await w.broker.declare({
        exchanges: [{ name: exchange, type: 'direct', durable: false }],
        queues: [{ name: own, exclusive: true, durable: false, autoDelete: true }],
        bindings: [{ exchange, queue: own, routingKey: 'k' }],
      })
      const inbox = await collect(w.broker, own)
      w.proxy.cut()
      await w.broker.publish(textMessage('to myself'), { exchange, routingKey: 'k' }, { timeoutMs: 60_000 })
      expect(textOf(await inbox.next())).toBe('to myself')
    },
  )

  onWire(
    'a consumer begun, a declaration and a question while the broker is away are done when it is back',
    async (w) => {
      w.proxy.mode = 'refusing'
      w.proxy.cut()
      await until('the loss is seen', () => w.broker.state === 'lost')
      const inbox = collect(w.broker, w.queue)
      const declared = w.broker.declare({ queues: [{ name: `${w.queue}-2` }] })
      const depth = w.broker.admin?.depth(w.queue)
      w.proxy.mode = 'open'
      await Promise.all([declared, depth, inbox])
      await w.broker.publish(textMessage('x'), toQueue(`${w.queue}-2`))
      await w.witness.publish(textMessage('y'), toQueue(w.queue))
      expect(textOf(await (await inbox).next())).toBe('y')
    },
  )

  onWire(
    'a declaration and a question without an answer end with BROKER_UNREACHABLE',
    async (w) => {
      w.proxy.mode = 'black-hole'
      const unreachable = { code: 'BROKER_UNREACHABLE' }
      await Promise.all([
        expect(w.broker.declare({ queues: [{ name: w.queue }] })).rejects.toMatchObject(unreachable),
        expect(w.broker.admin?.depth(w.queue)).rejects.toMatchObject(unreachable),
        expect(w.broker.admin?.visit(w.queue, 1, () => {})).rejects.toMatchObject(unreachable),
        expect(collect(w.broker, w.queue)).rejects.toMatchObject(unreachable),
      ])
    },
    { connectTimeoutMs: 4_000 },
  )

  onWire('stop ends a broker that is away, with all that waits for it', async (w) => {
    w.proxy.mode = 'refusing'
    w.proxy.cut()
    await until('the loss is seen', () => w.broker.state === 'lost')
    const closed = { code: 'BROKER_CLOSED' }
    const waiting = [
      expect(w.broker.publish(textMessage('x'), toQueue(w.queue), { timeoutMs: 60_000 })).rejects.toMatchObject(closed),
      expect(w.broker.declare({ queues: [{ name: w.queue }] })).rejects.toMatchObject(closed),
    ]
    await within('it stops', w.broker.stop())
    await Promise.all(waiting)
    expect(w.broker.state).toBe('stopped')
  })

  onWire('stop confirms first what was published before it', async (w) => {
    const sent = Array.from({ length: 500 }, (_, i) =>
      w.broker.publish(textMessage(String(i)), toQueue(w.queue), { timeoutMs: 60_000 }),
    )
    await w.broker.stop()
    await Promise.all(sent)
    expect((await w.witness.admin?.depth(w.queue))?.messages).toBe(500)
  })

  onWire('a reader that the broker cannot keep up with holds publishers back, not memory', async (w) => {
    w.proxy.mode = 'stalled'
    const body = new Uint8Array(1_000_000)
    const sent = Array.from({ length: 60 }, () =>
      w.broker.publish(textMessage('', { body }), toQueue(w.queue), { timeoutMs: 60_000 }),
    )
    const before = process.memoryUsage().arrayBuffers
    await w.witness.probe(60_000)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30_000_000)
    w.proxy.mode = 'open'
    await Promise.all(sent)
    expect((await w.witness.admin?.depth(w.queue))?.messages).toBe(60)
  })
})
