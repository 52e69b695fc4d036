import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GivenSettings, QueuesOption } from '../../src/index.ts'
import { broadcast, lovage } from '../../src/index.ts'
import { queuesRead } from '../../src/app/queues.ts'
import { worker } from '../../src/worker/worker.ts'
import { describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { RabbitmqNode } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

const files = { 'routing.py': readFileSync(new URL('routing.py', import.meta.url), 'utf8') }

/** What one application is made of; each `~` becomes a name of the case's own. */
interface Case {
  readonly about: string
  readonly settings: GivenSettings & { readonly queues?: QueuesOption }
  /** As `-Q` and `-X` say it. */
  readonly read?: readonly string[]
  readonly exclude?: readonly string[]
  /** Options of calls that are sent. */
  readonly send?: readonly object[]
}

const both: readonly Case[] = [
  { about: 'nothing but a default queue', settings: { defaultQueue: '~celery' } },
  {
    about: 'a default exchange, its type and a default routing key',
    settings: {
      defaultQueue: '~tasks',
      defaultExchange: '~all',
      defaultExchangeType: 'topic',
      defaultRoutingKey: 'task.default',
    },
    read: ['~tasks', '~other'],
  },
  {
    about: 'queues without exchange share the default exchange and its key',
    settings: { defaultQueue: '~celery', queues: ['~a', { name: '~b', routingKey: 'b' }, '~celery'] },
  },
  {
    about: 'an object of queues is bound by the names of the queues',
    settings: {
      defaultQueue: '~celery',
      queues: {
        '~one': {},
        '~two': { exchange: '~media', exchangeType: 'topic', routingKey: 'media.#' },
        '~three': {},
      },
    },
  },
  {
    about: 'four queues on two exchanges, three of them on one',
    settings: {
      defaultQueue: '~common_check',
      defaultExchange: '~common',
      defaultRoutingKey: '~common_check',
      queues: [
        { name: '~common_check', exchange: { name: '~common', deliveryMode: 2 }, routingKey: '~common_check' },
        { name: '~common_log', exchange: { name: '~common', deliveryMode: 2 }, routingKey: '~common_check' },
        { name: '~common_slow', exchange: '~common', routingKey: '~slow' },
        { name: '~other', exchange: '~other', routingKey: '~other' },
      ],
    },
  },
  {
    about: 'topic patterns, further bindings, exchanges and queues that do not last',
    settings: {
      defaultQueue: '~celery',
      queues: [
        { name: '~feeds', exchange: { name: '~feeds', type: 'topic', durable: false }, routingKey: 'feed.*.import' },
        {
          name: '~bound',
          durable: false,
          bindings: [
            { exchange: { name: '~feeds', type: 'topic', durable: false }, routingKey: '#.new' },
            { exchange: { name: '~news', type: 'fanout' } },
          ],
        },
        { name: '~short', exchange: { name: '~gone', type: 'direct', autoDelete: true }, routingKey: 'k' },
      ],
    },
  },
  {
    about: 'a queue that each worker has for itself',
    settings: { defaultQueue: '~celery', queues: ['~celery', broadcast('~everybody')] },
  },
  {
    about: 'some of the queues, and one that is made as it is asked for',
    settings: { defaultQueue: '~celery', queues: ['~a', { name: '~b', exchange: '~b', routingKey: 'k' }] },
    read: ['~b', '~missing'],
    send: [{ queue: '~sent' }, { queue: '~b', routingKey: 'x' }, { exchange: '~b', routingKey: 'k', queue: '~b' }],
  },
  {
    about: 'all queues but one',
    settings: { defaultQueue: '~celery', queues: ['~a', { name: '~b', exchange: '~b' }, '~c'] },
    exclude: ['~a'],
  },
]

const rabbitmqOnly: readonly Case[] = [
  {
    about: 'priorities, limits, quorum',
    settings: {
      defaultQueue: '~celery',
      queues: [
        { name: '~urgent', exchange: '~urgent', maxPriority: 9 },
        { name: '~limited', exchange: '~limited', expires: 600_000, messageTtl: 60_000, maxLength: 100 },
        { name: '~copied', exchange: '~copied', type: 'quorum' },
        { name: '~single', exchange: '~single', arguments: { 'x-single-active-consumer': true } },
      ],
    },
  },
  {
    about: 'priorities for all',
    settings: { defaultQueue: '~celery', queueMaxPriority: 5, queues: ['~celery', { name: '~own', maxPriority: 3 }] },
    read: ['~celery', '~own', '~made'],
  },
]

const named = (cases: readonly Case[]): Case[] =>
  cases.map((one, index) => JSON.parse(JSON.stringify(one).replaceAll('~', `c${index}.`)) as Case)

/** Without the names that nobody can foresee, and without what is there for other things than tasks. */
const ours = (lines: readonly string[]): string[] =>
  lines
    .filter((line) => /^(c\d+\.|bcast|_kombu\.binding\.c\d)/.test(line))
    .map((line) => line.replaceAll(/bcast\.[0-9a-f-]{36}/g, 'bcast.<uuid>'))
    .toSorted()

const ends: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function declareInPython(cases: readonly Case[], broker: string): Promise<void> {
  const python: Child = startPython(['routing.py'], { files })
  ends.push(() => python.kill())
  for (const one of cases) {
    const from = python.lines.length
    python.write(`${JSON.stringify({ ...one, broker })}\n`)
    await python.line(/^ANSWER/, { from, timeoutMs: 60_000 })
  }
}

async function declareHere(cases: readonly Case[], broker: string): Promise<void> {
  for (const { settings, read, exclude, send = [] } of cases) {
    const app = lovage('routing', { ...PATIENT, ...settings, broker, backend: 'memory://routing' }, { env: {} })
    ends.push(() => app.close())
    app.task('known', () => 1)
    const queues = (read ?? queuesRead(app.settings)).filter((queue) => !exclude?.includes(queue))
    const made = worker(app, { queues, concurrency: 1 })
    ends.push(() => made.stop())
    await made.start()
    for (const options of send) await app.sendTask('known', [], {}, { ...options, ignoreResult: true })
  }
}

describeWith(['rabbitmq', 'celery'], 'what is declared on RabbitMQ', () => {
  test('is what Python declares for the same settings', { timeout: 240_000 }, async () => {
    const node = await RabbitmqNode.start()
    ends.push(() => node.remove())
    const cases = named([...both, ...rabbitmqOnly])
    const lists: string[][] = []
    for (const [vhost, declare] of [
      ['python', declareInPython],
      ['lovage', declareHere],
    ] as const) {
      await node.addVhost(vhost)
      await declare(cases, node.url(vhost))
      const list = (...what: string[]): Promise<string[]> => node.ctl(`list_${what[0]}`, '-p', vhost, ...what.slice(1))
      lists.push(
        ours(await list('queues', 'name', 'durable', 'auto_delete', 'exclusive', 'arguments')),
        ours(await list('exchanges', 'name', 'type', 'durable', 'auto_delete', 'arguments')),
        ours(await list('bindings', 'source_name', 'destination_name', 'destination_kind', 'routing_key', 'arguments')),
      )
    }
    const [queues, exchanges, bindings, ourQueues, ourExchanges, ourBindings] = lists as [string[], ...string[][]]
    expect(queues?.length).toBeGreaterThan(20)
    expect(ourQueues).toEqual(queues)
    expect(ourExchanges).toEqual(exchanges)
    expect(ourBindings).toEqual(bindings)
  })
})

describeWith(['redis', 'celery'], 'what is bound on Redis', () => {
  let node: RedisNode
  beforeAll(async () => {
    node = await RedisNode.start()
    ends.push(() => node.remove())
  })

  test('is what Python binds for the same settings, key by key', { timeout: 240_000 }, async () => {
    const cases = named(both)
    await declareInPython(cases, node.url(1))
    await declareHere(cases, node.url(2))
    const bound = async (database: number): Promise<string[]> => {
      const raw = new Redis({ port: node.port, db: database })
      const lines: string[] = []
      for (const key of await raw.keys('_kombu.binding.*'))
        for (const member of await raw.smembers(key)) lines.push(`${key}\t${member}`)
      raw.disconnect()
      return ours(lines)
    }
    const python = await bound(1)
    expect(python.length).toBeGreaterThan(15)
    expect(await bound(2)).toEqual(python)
  })
})
