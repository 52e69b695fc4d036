import type { Expectation, ResultBackend } from '../../src/backend/backend.ts'
import type { Broker, Delivery } from '../../src/broker/broker.ts'
import type { Wrap } from '../../src/testing/testing.ts'

/** Bugs as somebody might write them, put around what is right. */
export const PLANTED = {
  'acknowledges before the outcome is stored': { broker: acksFirst },
  'takes a message for sent before the broker has confirmed it': { broker: confirmsFirst },
  'forgets every fifth of its waiters': { backend: forgetsWaiters },
  'keeps the place of those who wait no longer': { backend: keepsPlaces },
} satisfies Record<string, Wrap>

function acksFirst(broker: Broker): Broker {
  const consume = broker.consume.bind(broker) as Broker['consume']
  return over(broker, {
    consume: (options) => {
      const onDelivery = (delivery: Delivery): void => {
        const isAcked = !options.noAck && delivery.ack()
        options.onDelivery(isAcked ? over(delivery, { isOurs: true, ack: () => true }) : delivery)
      }
      return consume({ ...options, onDelivery })
    },
  })
}

function confirmsFirst(broker: Broker): Broker {
  const publish = broker.publish.bind(broker) as Broker['publish']
  return over(broker, {
    publish: async (message, to, options) => {
      publish(message, to, options).catch(() => {})
    },
  })
}

function forgetsWaiters(backend: ResultBackend): ResultBackend {
  const expect = backend.expect.bind(backend) as ResultBackend['expect']
  let count = 0
  return over(backend, {
    expect: async (id) => {
      const expectation = await expect(id)
      return ++count % 5 === 0 ? forgotten(expectation) : expectation
    },
  })
}

function keepsPlaces(backend: ResultBackend): ResultBackend {
  const expect = backend.expect.bind(backend) as ResultBackend['expect']
  return over(backend, { expect: async (id) => over(await expect(id), { close: () => {} }) })
}

function forgotten(expectation: Expectation): Expectation {
  return over(expectation, { done: new Promise(() => {}), latest: undefined })
}

export function over<T extends object>(object: T, members: Partial<T>): T {
  return new Proxy(object, {
    get(target, name) {
      if (name in members) return Reflect.get(members, name)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
