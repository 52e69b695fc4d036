import fc from 'fast-check'
import { expect, test } from 'vitest'
import { resolveRoute } from '../../src/app/routes.ts'
import type { RouteOptions, RoutePair } from '../../src/app/route-options.ts'
import { resolveSettings } from '../../src/app/settings.ts'
import { isLovageError } from '../../src/base/errors.ts'
import { arbitraryCall, arbitrarySettings, type CallCase, type RoutingCase } from './routing-cases.ts'

/** Where a call goes by the words of Celery's documentation, in the plainest way there is. */
function oracle({ settings }: RoutingCase, { name, task, call }: CallCase): object | string {
  const { queues, defaultQueue, defaultExchange, defaultRoutingKey, defaultExchangeType } = settings
  const own: RouteOptions = { ...task, ...call }
  let route: RouteOptions | undefined
  for (const router of settings.routes) {
    const pair = bestOf(router, name)
    if (!pair) continue
    route = typeof pair[1] === 'string' ? { queue: pair[1] } : pair[1]
    break
  }
  const said: RouteOptions = { ...route, ...own }
  const isKnown = (queue: string): boolean =>
    settings.createMissingQueues || queues.some((one) => one.name === queue) || queue === defaultQueue
  if (said.queue !== undefined && !isKnown(said.queue)) return 'QUEUE_UNKNOWN'
  const priority = said.priority ?? 0
  if (said.queue === undefined && said.exchange !== undefined) {
    return { exchange: said.exchange, routingKey: said.routingKey ?? defaultRoutingKey, priority }
  }
  const queue = said.queue ?? defaultQueue
  const given = queues.find((one) => one.name === queue)
  // What is no queue of the settings has an exchange of its own, but for the default queue where there are no others.
  const isOnDefault = given ? given.exchange === undefined : queues.length === 0 && queue === defaultQueue
  const exchange = isOnDefault ? defaultExchange : (given?.exchange ?? queue)
  const type =
    isOnDefault || (given && exchange === defaultExchange) ? defaultExchangeType : (given?.exchangeType ?? 'direct')
  const key = given ? (given.routingKey ?? defaultRoutingKey) : isOnDefault ? defaultRoutingKey : queue
  if (type === 'direct' && (said.exchange === undefined || said.routingKey === undefined)) {
    return { exchange: '', routingKey: queue, priority }
  }
  if (said.exchange === undefined) return { exchange, routingKey: said.routingKey ?? key, priority }
  return { exchange: said.exchange, routingKey: said.routingKey ?? '', priority }
}

function bestOf(router: readonly RoutePair[], name: string): RoutePair | undefined {
  const found =
    router.find(([key]) => key === name) ??
    router.find(([key]) => {
      if (key instanceof RegExp) return new RegExp(`^(?:${key.source})`).test(name)
      // Only the star is a pattern in these names.
      return key.includes('*') && new RegExp(`^${key.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(name)
    })
  // It is a table: what is said of one key twice is what was said last.
  return found && router.findLast(([key]) => String(key) === String(found[0]))
}

test('a call goes where the plain words of Celery’s documentation send it', () => {
  fc.assert(
    fc.property(arbitrarySettings, fc.array(arbitraryCall, { minLength: 1, maxLength: 4 }), (given, calls) => {
      const settings = resolveSettings(given.settings, { env: {} })
      for (const call of calls) {
        const asked = { task: call.name, args: [], kwargs: {}, options: { ...call.task, ...call.call } }
        let found: object | string
        try {
          const { destination, priority } = resolveRoute(settings, asked)
          found = { ...destination, priority }
        } catch (error) {
          found = isLovageError(error) ? error.code : String(error)
        }
        expect(found).toEqual(oracle(given, call))
      }
    }),
    { numRuns: 1000 },
  )
})

test('a function decides where no table before it knows the task, and is told of the call', () => {
  const seen: unknown[] = []
  const settings = resolveSettings(
    {
      routes: [
        { 'a.*': 'tabled' },
        (...given) => {
          seen.push(given)
          return given[1][0] === 'big' ? { queue: 'slow', priority: 3 } : null
        },
        { '*': 'rest' },
      ],
    },
    { env: {} },
  )
  const go = (task: string, args: unknown[], options: RouteOptions = {}): unknown => {
    const { destination, priority } = resolveRoute(settings, { task, args, kwargs: { k: 1 }, options })
    return [destination.routingKey, priority]
  }
  expect(go('a.b', ['big'])).toEqual(['tabled', 0])
  expect(seen).toEqual([])
  expect(go('b', ['big'], { priority: 7 })).toEqual(['slow', 7])
  expect(seen).toEqual([['b', ['big'], { k: 1 }, { priority: 7 }]])
  expect(go('b', ['small'])).toEqual(['rest', 0])
})

test('what a function answers is checked', () => {
  const settings = resolveSettings({ routes: () => ({ que: 'q' }) as RouteOptions }, { env: {} })
  expect(() => resolveRoute(settings, { task: 't', args: [], kwargs: {}, options: {} })).toThrow(
    'A function of the setting routes sends task t where it cannot go: it has que, which does not exist',
  )
})

test('delivery mode and priority come from the call, the task, the route, the exchange, the defaults', () => {
  const settings = resolveSettings(
    {
      queues: [{ name: 'celery', exchange: { name: 'e', deliveryMode: 1 } }, 'other'],
      routes: { r: { priority: 5, deliveryMode: 2 } },
      defaultPriority: 3,
      defaultDeliveryMode: 1,
    },
    { env: {} },
  )
  const go = (task: string, options: RouteOptions = {}): unknown => {
    const { priority, deliveryMode } = resolveRoute(settings, { task, args: [], kwargs: {}, options })
    return [priority, deliveryMode]
  }
  expect(go('t')).toEqual([3, 1])
  expect(go('r')).toEqual([5, 2])
  expect(go('r', { priority: 0, deliveryMode: 1 })).toEqual([0, 1])
  expect(go('t', { queue: 'other' })).toEqual([3, 1])
})
