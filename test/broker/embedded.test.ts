import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { topicMatches } from '../../src/broker/embedded/exchange.ts'
import { type Entry, Waiting } from '../../src/broker/embedded/waiting.ts'
import { openBroker } from '../../src/broker/open.ts'
import { textMessage, textOf, toQueue, until } from '../../src/testing/broker/scene.ts'

const opened: Broker[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((broker) => broker.stop()))
})

async function start(name: string): Promise<Broker> {
  const broker = openBroker(`memory://${name}`)
  opened.push(broker)
  await broker.start()
  return broker
}

test('brokers of one name meet, those of other names do not', async () => {
  const name = randomUUID()
  const [one, two, other] = [await start(name), await start(name), await start(`${name}-other`)]
  await one.declare({ queues: [{ name: 'q' }] })
  await two.publish(textMessage('x'), toQueue('q'))
  expect(await one.admin?.depth('q')).toMatchObject({ messages: 1 })
  expect(await other.admin?.depth('q')).toBeUndefined()
})

test('what waits outlives the brokers that put it there', async () => {
  const name = randomUUID()
  const one = await start(name)
  await one.declare({ queues: [{ name: 'q' }] })
  await one.publish(textMessage('x'), toQueue('q'))
  await one.stop()
  const two = await start(name)
  expect(await two.admin?.depth('q')).toMatchObject({ messages: 1 })
})

test('memory:// without a name is memory://lovage', async () => {
  const queue = randomUUID()
  const [one, two, three] = [openBroker('memory://'), await start('lovage'), await start('lovage/?x=1')]
  opened.push(one)
  await one.start()
  await one.declare({ queues: [{ name: queue }] })
  expect(await two.admin?.depth(queue)).toBeDefined()
  expect(await three.admin?.depth(queue)).toBeDefined()
  await one.admin?.deleteQueue(queue)
})

test('a long queue that is acked at once lets timers and sockets have their turn', async () => {
  const broker = await start(randomUUID())
  await broker.declare({ queues: [{ name: 'q' }] })
  const count = 20_000
  for (let i = 0; i < count; i++) void broker.publish(textMessage(''), toQueue('q'))
  let read = 0
  const turns: number[] = []
  await broker.consume({
    queues: ['q'],
    prefetch: 1,
    onDelivery: (delivery) => {
      read++
      delivery.ack()
    },
  })
  await new Promise<void>((resolve) => {
    const turn = (): void => {
      turns.push(read)
      if (read < count) setImmediate(turn)
      else resolve()
    }
    setImmediate(turn)
  })
  expect(turns.length).toBeGreaterThan(20)
})

test('a delivery that is requeued at once for ever does not stop the process', async () => {
  const broker = await start(randomUUID())
  await broker.declare({ queues: [{ name: 'q' }] })
  await broker.publish(textMessage('hot'), toQueue('q'))
  let rounds = 0
  const consumer = await broker.consume({
    queues: ['q'],
    prefetch: 1,
    onDelivery: (delivery) => {
      rounds++
      delivery.requeue()
    },
  })
  await until('it went round often', () => rounds > 5000)
  await consumer.cancel()
  expect(await broker.admin?.depth('q')).toMatchObject({ messages: 1, consumers: 0 })
})

test('two queues are read in turn, none starves the other', async () => {
  const broker = await start(randomUUID())
  await broker.declare({ queues: [{ name: 'a' }, { name: 'b' }] })
  for (const queue of ['a', 'b']) for (let i = 0; i < 4; i++) await broker.publish(textMessage(queue), toQueue(queue))
  const seen: string[] = []
  await broker.consume({
    queues: ['a', 'b'],
    prefetch: 1,
    onDelivery: (delivery) => {
      seen.push(textOf(delivery))
      delivery.ack()
    },
  })
  await until('all came', () => seen.length === 8)
  expect(seen.join('')).toBe('abababab')
})

test('a dead-letter circle in which nobody rejects ends', async () => {
  const broker = await start(randomUUID())
  const around = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'b' }
  const back = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'a' }
  await broker.declare({
    queues: [
      { name: 'a', maxLength: 0, arguments: around },
      { name: 'b', maxLength: 0, arguments: back },
    ],
  })
  await broker.publish(textMessage('x'), toQueue('a'))
  expect(await broker.admin?.depth('a')).toMatchObject({ messages: 0 })
})

test('a topic pattern takes what its regular expression takes', () => {
  const word = fc.constantFrom('a', 'b', '')
  const pattern = fc.array(fc.constantFrom('a', 'b', '*', '#', ''), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(pattern, fc.array(word, { minLength: 1, maxLength: 6 }), (bound, words) => {
      const oracle = new RegExp(
        `^${bound.map((one) => (one === '#' ? '(\\.[^.]*)*' : `\\.${one === '*' ? '[^.]*' : one}`)).join('')}$`,
      )
      expect(topicMatches(bound, words)).toBe(oracle.test(words.map((one) => `.${one}`).join('')))
    }),
    { numRuns: 3000 },
  )
})

// With a cost that doubles with each # it would not come to its end.
test('a topic pattern full of # costs no more than it is long', () => {
  const bound = Array.from({ length: 400 }, (_, i) => (i % 2 ? 'a' : '#'))
  expect(
    topicMatches(
      [...bound, 'z'],
      Array.from({ length: 2000 }, () => 'a'),
    ),
  ).toBe(false)
})

test('waiting messages come by priority and age, whatever is taken and given back', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('push' as const), priority: fc.nat(6) }),
    fc.record({ do: fc.constant('shift' as const) }),
    fc.record({ do: fc.constant('back' as const), which: fc.nat() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const waiting = new Waiting(4)
      const model: Entry[] = []
      const taken: Entry[] = []
      const rank = ({ message, seq }: Entry): number => -Math.min(message.priority ?? 0, 4) * 1e6 + seq
      let seq = 0
      for (const one of steps) {
        if (one.do === 'push') {
          const message = textMessage('', { priority: one.priority })
          const entry = { message, exchange: '', routingKey: '', seq: seq++, expiresAtMs: Infinity, redelivered: false }
          waiting.push(entry)
          model.push(entry)
        } else if (one.do === 'shift') {
          model.sort((a, b) => rank(a) - rank(b))
          expect(waiting.peek()).toBe(model[0])
          expect(waiting.shift()).toBe(model[0])
          const entry = model.shift()
          if (entry) taken.push(entry)
        } else if (taken.length > 0) {
          const [entry] = taken.splice(one.which % taken.length, 1) as [Entry]
          waiting.giveBack(entry)
          model.push(entry)
        }
        expect(waiting.size).toBe(model.length)
      }
    }),
    { numRuns: 500 },
  )
})
