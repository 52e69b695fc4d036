import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  DELAY_LEVELS,
  declareLevel,
  delayKey,
  DELIVERY_EXCHANGE,
  deliveryPattern,
  FIRST_EXCHANGE,
  joinLevels,
  LONGEST_S,
} from '../../../src/broker/amqp/delay-topology.ts'
import type { LinkChannel, QueueDeclaration } from '../../../src/broker/amqp/link.ts'
import { topicMatches } from '../../../src/broker/embedded/exchange.ts'
import { capturedTasks } from '../../protocol/captured.ts'

interface Binding {
  readonly to: string
  readonly isQueue: boolean
  readonly from: string
  readonly pattern: string
}

/** A server that only writes down what is declared. */
async function declared(type: 'quorum' | 'classic'): Promise<{
  queues: Map<string, QueueDeclaration>
  exchanges: object[]
  bindings: Binding[]
}> {
  const queues = new Map<string, QueueDeclaration>()
  const exchanges: object[] = []
  const bindings: Binding[] = []
  const channel: Partial<LinkChannel> = {
    declareExchange: async (spec) => void exchanges.push(spec),
    declareQueue: async (queue) => void queues.set(queue.name, queue),
    bindQueue: async (to, from, pattern) => void bindings.push({ to, isQueue: true, from, pattern }),
    bindExchange: async (to, from, pattern) => void bindings.push({ to, isQueue: false, from, pattern }),
  }
  for (const level of DELAY_LEVELS) await declareLevel(channel as LinkChannel, level, type)
  await joinLevels(channel as LinkChannel)
  return { queues, exchanges, bindings }
}

const server = await declared('quorum')

/** The queues that a message passes, in this order; all of them, where it goes more ways than one. */
function wayOf(key: string, ends: readonly Binding[], exchange = FIRST_EXCHANGE): string[] {
  const words = key.split('.')
  const next = [...server.bindings, ...ends].filter(
    ({ from, pattern }) => from === exchange && topicMatches(pattern.split('.'), words),
  )
  return next.flatMap(({ to, isQueue }) => {
    if (!isQueue) return wayOf(key, ends, to)
    const on = server.queues.get(to)?.arguments['x-dead-letter-exchange']
    return on === undefined ? [to] : [to, ...wayOf(key, ends, String(on))]
  })
}

const waitOf = (way: readonly string[]): number =>
  way.reduce((sum, name) => sum + Number(server.queues.get(name)?.arguments['x-message-ttl'] ?? 0), 0) / 1000

const ours = (queue: string): Binding => ({
  to: queue,
  isQueue: true,
  from: DELIVERY_EXCHANGE,
  pattern: deliveryPattern(queue),
})

test('a message that Celery sends with a countdown of 10 seconds has the exchange and the key that ours has', () => {
  const [captured] = capturedTasks('5.6.3').filter((task) => task.case === 'native_delay')
  expect(captured).toMatchObject({ exchange: FIRST_EXCHANGE, routing_key: delayKey(10, 'qq') })
  expect(captured?.properties.headers['eta']).toEqual(expect.stringMatching(/^2026-/))
  expect(captured?.properties.expiration).toBeUndefined()
})

test('levels are declared as Celery declares them', async () => {
  expect(server.queues.get('celery_delayed_27')).toEqual({
    name: 'celery_delayed_27',
    durable: true,
    autoDelete: false,
    exclusive: false,
    arguments: {
      'x-queue-type': 'quorum',
      'x-overflow': 'reject-publish',
      'x-message-ttl': 134_217_728_000,
      'x-dead-letter-exchange': 'celery_delayed_26',
      'x-dead-letter-strategy': 'at-least-once',
    },
  })
  expect(server.queues.get('celery_delayed_0')?.arguments).toMatchObject({
    'x-message-ttl': 1000,
    'x-dead-letter-exchange': DELIVERY_EXCHANGE,
  })
  expect(server.exchanges).toHaveLength(29)
  for (const exchange of server.exchanges) expect(exchange).toMatchObject({ type: 'topic', durable: true })
  const { queues } = await declared('classic')
  expect(queues.get('celery_delayed_1')?.arguments).toEqual({
    'x-queue-type': 'classic',
    'x-overflow': 'reject-publish',
    'x-message-ttl': 2000,
    'x-dead-letter-exchange': 'celery_delayed_0',
  })
})

test('levels are bound as Celery binds them', () => {
  const stars = (count: number): string => '*.'.repeat(count)
  expect(server.bindings).toHaveLength(56)
  for (let level = 27; level >= 0; level--) {
    const from = `celery_delayed_${level}`
    const below = level > 0 ? `celery_delayed_${level - 1}` : DELIVERY_EXCHANGE
    expect(server.bindings).toContainEqual({ to: from, isQueue: true, from, pattern: `${stars(27 - level)}1.#` })
    expect(server.bindings).toContainEqual({ to: below, isQueue: false, from, pattern: `${stars(27 - level)}0.#` })
  }
})

/** A name, with dots and with digits that could be taken for those of the wait. */
const queueName = fc
  .array(fc.constantFrom('a', 'b', '0', '1', 'celery'), { minLength: 1, maxLength: 4 })
  .map((words) => words.join('.'))

test('a message waits as many seconds as its key says, and comes to its queue and no other', () => {
  const seconds = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: LONGEST_S }))
  fc.assert(
    fc.property(seconds, queueName, fc.uniqueArray(queueName), (wait, queue, others) => {
      const ends = [...new Set([queue, ...others])].map(ours)
      const way = wayOf(delayKey(wait, queue) as string, ends)
      expect(waitOf(way)).toBe(wait)
      expect(way.filter((name) => !server.queues.has(name))).toEqual([queue])
    }),
  )
})

test('a queue that Celery has bound gets what waits for it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), queueName, (wait, queue) => {
      const way = wayOf(delayKey(wait, queue) as string, [{ ...ours(queue), pattern: `#.${queue}` }])
      expect(way.at(-1)).toBe(queue)
    }),
  )
})

test('what cannot be part of a key has none, and longer waits begin with the longest', () => {
  expect(delayKey(1, '')).toBeUndefined()
  expect(delayKey(1, 'a.*.b')).toBeUndefined()
  expect(delayKey(1, '#')).toBeUndefined()
  expect(delayKey(1, 'a*b#')).toBeDefined()
  expect(delayKey(1, 'ä'.repeat(99))).toBeDefined()
  expect(delayKey(1, 'ä'.repeat(100))).toBeUndefined()
  expect(delayKey(2 ** 40, 'q')).toBe(delayKey(LONGEST_S, 'q'))
})
