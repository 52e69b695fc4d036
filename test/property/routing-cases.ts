import fc from 'fast-check'
import type { RouteOptions, RoutePair } from '../../src/app/route-options.ts'

/** Settings of one application, in what routes go by. */
export interface RoutingCase {
  readonly settings: {
    readonly defaultQueue: string
    readonly defaultExchange: string
    readonly defaultExchangeType: 'direct' | 'topic' | 'fanout'
    readonly defaultRoutingKey: string
    readonly createMissingQueues: boolean
    readonly queues: readonly CaseQueue[]
    readonly routes: readonly (readonly RoutePair[])[]
  }
}

interface CaseQueue {
  readonly name: string
  readonly exchange?: string
  readonly exchangeType?: 'direct' | 'topic' | 'fanout'
  readonly routingKey?: string
}

/** A call of a task. */
export interface CallCase {
  readonly name: string
  readonly task: RouteOptions
  readonly call: RouteOptions
}

const queueNames = ['celery', 'q1', 'q2', 'q3']
const exchangeNames = ['x1', 'x2', 'x3']
const taskNames = ['shop.add', 'shop.pay.now', 'news.add', 'add']
const types = ['direct', 'topic', 'fanout'] as const

/** An exchange has the same type wherever it is named. */
const typeOf = (exchange: string): 'direct' | 'topic' | 'fanout' =>
  types[exchangeNames.indexOf(exchange) % types.length] ?? 'direct'

const options = fc.record(
  {
    queue: fc.constantFrom(...queueNames),
    exchange: fc.constantFrom(...exchangeNames),
    routingKey: fc.constantFrom('k', 'k.l'),
    priority: fc.integer({ min: 0, max: 9 }),
  },
  { requiredKeys: [] },
)

const target = fc.oneof(fc.constantFrom(...queueNames), options)

const pattern = fc.oneof(
  fc.constantFrom(...taskNames),
  fc.constantFrom('shop.*', '*.add', '*', 'shop.*.now', 's*p.*', 'shop.*x'),
  fc.constantFrom(/shop/, /.*add$/, /(news|shop)\.add/, /^add/, /d/),
)

const queue = fc
  .record(
    { exchange: fc.constantFrom(...exchangeNames), routingKey: fc.constantFrom('k', '#', 'k.*') },
    { requiredKeys: [] },
  )
  .map(({ exchange, routingKey }) => ({
    ...(exchange !== undefined && { exchange, exchangeType: typeOf(exchange) }),
    ...(routingKey !== undefined && { routingKey }),
  }))

/** Settings of all kinds that can stand. */
export const arbitrarySettings: fc.Arbitrary<RoutingCase> = fc
  .record({
    defaultQueue: fc.constantFrom('celery', 'q1'),
    isOnOwn: fc.boolean(),
    defaultExchangeType: fc.constantFrom(...types),
    defaultRoutingKey: fc.constantFrom('celery', 'default.key'),
    createMissingQueues: fc.boolean(),
    names: fc.subarray(queueNames),
    specs: fc.array(queue, { minLength: queueNames.length, maxLength: queueNames.length }),
    routes: fc.array(fc.array(fc.tuple(pattern, target), { maxLength: 4 }), { maxLength: 3 }),
  })
  .map(({ names, specs, isOnOwn, createMissingQueues, ...settings }) => {
    const hasDefault = names.length === 0 || names.includes(settings.defaultQueue)
    return {
      settings: {
        ...settings,
        defaultExchange: isOnOwn ? settings.defaultQueue : 'main',
        createMissingQueues: createMissingQueues || !hasDefault,
        queues: names.map((name, index) => ({ name, ...specs[index] })),
      },
    }
  })

/** A call, with what it says itself and what its task says. */
export const arbitraryCall: fc.Arbitrary<CallCase> = fc.record({
  name: fc.constantFrom(...taskNames),
  task: options,
  call: options,
})
