import * as fc from 'fast-check'
import type { RedisArgument } from '../../../src/base/redis/redis-connection.ts'
import { DELAY_MOVES } from '../../../src/broker/redis/delay-words.ts'
import { writeEnvelope } from '../../../src/broker/redis/envelope.ts'
import { keysOfQueue, QUEUES } from '../../../src/broker/redis/queue-scripts.ts'
import { MOVES } from '../../../src/broker/redis/scripts.ts'
import { kombuPattern } from '../../../src/broker/redis/topology.ts'
import type { Message } from '../../../src/protocol/message.ts'
import type { Answer } from './both-redis.ts'

const { move, leave, keep, list, purge } = DELAY_MOVES

export const SCRIPTS = { ...MOVES, ...QUEUES, move, leave, keep, list, purgeDelayed: purge } as const

/** A script with arguments that make sense, most of the time. */
export interface Move {
  readonly name: keyof typeof SCRIPTS
  readonly args: readonly RedisArgument[]
  /** Given where it is run on the line for reading. */
  readonly keys?: readonly string[]
  /** Time that passes before it. */
  readonly afterMs: number
}

const queue = fc.constantFrom('celery', 'images', 'short', 'Ünïcode "q"')
const exchange = fc.constantFrom('celery', 'topics', 'news')
const routingKey = fc.constantFrom('celery', 'a.b', 'a.b.c', 'images', 'a')
const bindingKey = fc.constantFrom('celery', 'a.*', '#', '*.b.#', 'images', 'a.#.c')
const session = fc.constantFrom('s1', 's2')
const number = fc.integer({ min: 1, max: 30 })
const tag = fc.tuple(session, number).map(([one, at]) => `${one}-${String(at).padStart(12, '0')}`)
const afterMs = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.constantFrom(1, 7, 500, 20_000))

const FIELDS: readonly (readonly string[])[] = [
  ['auto', '0'],
  ['priority', '9', 'auto', '0'],
  ['ttl', '600', 'auto', '0'],
  ['length', '2', 'overflow', 'reject-publish', 'auto', '0'],
  ['length', '2', 'auto', '0'],
  ['expires', '1000', 'auto', '0'],
  ['auto', '1'],
  ['owner', 's1', 'auto', '0'],
]

const message = (text: string): Message =>
  ({
    headers: { id: text, task: 'shop.add' },
    body: Buffer.from(text),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
  }) as unknown as Message

function of(name: Move['name'], args: fc.Arbitrary<readonly unknown[]>): fc.Arbitrary<Move> {
  return fc.tuple(args, afterMs).map(([list, after]) => ({
    name,
    args: list.flat() as RedisArgument[],
    afterMs: after,
  }))
}

const priority = fc.integer({ min: 0, max: 9 })
const texts = fc.constantFrom('one', 'two', 'três')

const group = fc
  .tuple(
    fc.constantFrom('', 'celery', 'topics', 'news'),
    routingKey,
    queue,
    priority,
    fc.boolean(),
    fc.constantFrom('', '', 0, 400, 30_000),
    fc.array(fc.tuple(texts, number), { minLength: 1, maxLength: 3 }),
  )
  .map(([to, key, name, level, isMandatory, delay, messages]) => {
    const target = { exchange: to, routingKey: to === '' ? name : key }
    const parts = messages.flatMap(([text, at]) => {
      const { head, tail } = writeEnvelope(message(text), target)
      return [head, `tag-${at}`, tail]
    })
    const flag = isMandatory ? '1' : '0'
    return [to, target.routingKey, flag, `/0.${to}`, level, delay, messages.length, ...parts]
  })

const publish = fc.array(group, { minLength: 1, maxLength: 2 })

const takeArgs = fc
  .tuple(
    session,
    number,
    fc.integer({ min: 1, max: 5 }),
    fc.boolean(),
    fc.uniqueArray(queue, { minLength: 1 }),
    fc.array(tag, { maxLength: 2 }),
  )
  .map(([one, first, most, noAck, queues, done]) => ({
    args: [`${one}-`, first, most, noAck ? '1' : '0', 4_000_000, ...queues, ...(done.length > 0 ? ['', ...done] : [])],
    keys: queues.flatMap(keysOfQueue),
  }))

const take: fc.Arbitrary<Move> = fc.tuple(takeArgs, afterMs, fc.boolean()).map(([{ args, keys }, after, isRead]) => ({
  name: 'take' as const,
  args,
  afterMs: after,
  ...(isRead && { keys }),
}))

const restore = fc
  .tuple(tag, fc.constantFrom('', '1767225600'), fc.constantFrom('', 'celery', 'topics'), routingKey, fc.nat(3), texts)
  .map((args) => args)

/** An answer without an order that it does not have: fanout bindings come out of a set. */
export function comparable(name: Move['name'], answer: Answer): unknown {
  if (name !== 'attach') return answer
  if (!Array.isArray(answer)) return answer
  const [first, ...rest] = answer
  const found = rest.flatMap((_, i) => (i % 3 === 0 ? [rest.slice(i, i + 3).join(' ')] : []))
  return [first, ...found.toSorted()]
}

export const anyMove: fc.Arbitrary<Move> = fc.oneof(
  of(
    'declareExchange',
    fc
      .tuple(exchange, fc.constantFrom('0', '1'))
      .map(([name, auto]) => [
        name,
        `spec ${auto}`,
        { celery: 'direct', topics: 'topic', news: 'fanout' }[name] as string,
        auto,
      ]),
  ),
  of(
    'declareQueue',
    fc
      .tuple(queue, session, fc.integer({ min: 0, max: FIELDS.length }))
      .map(([name, one, at]) => [name, `{"kind":${at}}`, one, ...(FIELDS[at] ?? [])]),
  ),
  of(
    'bind',
    fc.tuple(exchange, queue, bindingKey).map(([to, name, key]) => [to, name, key, kombuPattern(key)]),
  ),
  { weight: 4, arbitrary: of('publish', publish) },
  { weight: 4, arbitrary: take },
  of('ack', fc.array(tag, { minLength: 1, maxLength: 5 })),
  of('untake', fc.array(fc.tuple(tag, queue, fc.nat(3)), { maxLength: 3 })),
  of('restore', fc.array(restore, { maxLength: 3 })),
  of('expired', fc.tuple(fc.constantFrom(500, 10_000), fc.integer({ min: 1, max: 4 }), fc.nat(2))),
  of('entries', fc.array(tag, { minLength: 1, maxLength: 5 })),
  of(
    'renew',
    fc
      .tuple(session, fc.array(queue, { maxLength: 2 }), fc.array(tag, { maxLength: 4 }))
      .map(([one, queues, tags]) => [
        one,
        1000,
        queues.length,
        ...queues.flatMap((name) => [name, `${one}:1`]),
        ...tags,
      ]),
  ),
  of(
    'endSession',
    fc.tuple(session, fc.boolean()).map(([one, isLapsed]) => (isLapsed ? [one, 'lapsed'] : [one])),
  ),
  of('lapsed', fc.constant([])),
  of('unlock', fc.constantFrom(['token'], ['other'])),
  of(
    'attach',
    fc
      .tuple(session, fc.uniqueArray(queue, { minLength: 1 }))
      .map(([one, queues]) => [`${one}:1`, one, 1000, ...queues]),
  ),
  of(
    'detach',
    fc.tuple(session, queue).map(([one, name]) => [`${one}:1`, name]),
  ),
  of('move', fc.tuple(session, fc.constant(10_000), fc.integer({ min: 1, max: 4 }))),
  of('leave', fc.tuple(fc.oneof(session, fc.constant('')), fc.integer({ min: 1, max: 4 }))),
  of('keep', fc.array(fc.tuple(tag, queue, fc.nat(3), fc.constantFrom(0, 700)), { maxLength: 3 })),
  of('list', fc.tuple(queue, fc.integer({ min: 1, max: 4 }))),
  of('purgeDelayed', fc.tuple(queue)),
  of('depth', fc.tuple(queue)),
  of('purge', fc.tuple(queue)),
  of('deleteQueue', fc.tuple(queue)),
)
