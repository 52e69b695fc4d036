import type { App } from '../../app/app.ts'
import { currentTaskIfAny } from '../../app/current-task.ts'
import { Ignore, Reject } from '../../app/control-flow.ts'
import type { RegisteredTask } from '../../app/registry.ts'
import type { Expectation, ReplyAddress, ResultBackend } from '../../backend/backend.ts'
import type {
  Broker,
  BrokerAdmin,
  BrokerDelays,
  Delivery,
  Posting,
  PublishOptions,
  PublishTogether,
} from '../../broker/broker.ts'
import type { Message } from '../../protocol/message.ts'
import { isReady, type Outcome } from '../../protocol/outcome.ts'
import type { FaultKit } from './faults.ts'
import { type Ledger, taskIdOf } from './ledger.ts'
import type { SimulatedProcess } from './process.ts'

/** Longest time after which a message may be sent again. */
const LATE_MS = 5_000

/** What is watched for whom. */
export interface Watching {
  readonly process: SimulatedProcess
  readonly ledger: Ledger
  readonly kit: FaultKit
  /** Its connection is lost, and it has not been told. */
  readonly isBlind: () => boolean
}

/** A broker whose messages of tasks are written into the ledger. Sometimes one is sent twice. */
export function watchBroker(broker: Broker, { process, ledger, kit }: Watching): Broker {
  async function send<T>(message: Message, options: PublishOptions | undefined, publish: () => Promise<T>): Promise<T> {
    const id = taskIdOf(message)
    const isNew = id !== undefined && !options?.isPassedOn
    if (isNew) ledger.sending(process.name, message, id)
    const answer = await process.gate(publish())
    if (!isNew) return answer
    ledger.confirmed(process.name, id)
    if (!kit.strikes('duplicate', process.name)) return answer
    const inMs = kit.between(0, 1) < 0.5 ? 0 : kit.between(0, LATE_MS)
    process.at(process.clock.monotonic() + inMs, () => void publish().catch(() => {}))
    return answer
  }
  return overlay<Broker>(broker, {
    publish: (message, to, options) => send(message, options, () => broker.publish(message, to, options)),
    get delays() {
      const { delays } = broker
      if (!delays) return undefined
      return overlay<BrokerDelays>(delays, {
        publish: (message, to, atMs, options) =>
          send(message, options, () => delays.publish(message, to, atMs, options)),
        keep: (delivery, atMs) => process.gate(delays.keep(delivery, atMs)),
        move: async (queues) => {
          const stop = await process.gate(delays.move(queues))
          return () => process.gate(stop())
        },
      })
    },
    get admin() {
      return broker.admin && watchAdmin(broker.admin, process, ledger)
    },
    declare: (topology) => process.gate(broker.declare(topology)),
    probe: (timeoutMs) => process.gate(broker.probe(timeoutMs)),
  })
}

/** What is published in one step is written down as well. */
function watchAdmin(admin: BrokerAdmin, process: SimulatedProcess, ledger: Ledger): BrokerAdmin {
  const watched = (together: PublishTogether): PublishTogether => {
    return async (postings) => {
      const ids = ({ message }: Posting): string[] => [taskIdOf(message)].filter((id) => id !== undefined)
      for (const one of postings) for (const id of ids(one)) ledger.sending(process.name, one.message, id)
      const left = await process.gate(together(postings))
      const taken = postings.filter((one) => !left.includes(one))
      for (const id of taken.flatMap(ids)) ledger.confirmed(process.name, id)
      return left
    }
  }
  return overlay<BrokerAdmin>(admin, {
    visit: (queue, limit, visit) =>
      admin.visit(queue, limit, (delivery, together) => visit(delivery, together && watched(together))),
  })
}

/** A broker whose queues cannot be looked into: what it confirmed counts as there, what is acknowledged as done with. */
export function countedBroker(broker: Broker, { process, ledger }: Watching): Broker {
  return overlay<Broker>(broker, {
    async publish(message, to, options) {
      await broker.publish(message, to, options)
      ledger.accepted(message, to.routingKey)
    },
    get delays() {
      return watchDelays(broker, ledger)
    },
    consume: (options) =>
      broker.consume({
        ...options,
        onDelivery: (delivery) => options.onDelivery(watchDelivery(delivery, process, ledger)),
      }),
  })
}

/** A broker in memory, with the time that everything takes, for a process that may die. */
export function remoteBroker(broker: Broker, { process, ledger }: Watching): Broker {
  return overlay<Broker>(broker, {
    async publish(message, to, options) {
      await process.pause()
      await broker.publish(message, to, options)
      ledger.accepted(message, to.routingKey)
    },
    get delays() {
      return watchDelays(broker, ledger, () => process.pause())
    },
    async consume(options) {
      /** On their way to the handler. */
      const coming = new Set<Delivery>()
      let lastMs = 0
      const onDelivery = (delivery: Delivery): void => {
        coming.add(delivery)
        lastMs = Math.max(lastMs, process.arrivalMs())
        process.at(lastMs, () => {
          if (coming.delete(delivery)) options.onDelivery(watchDelivery(delivery, process, ledger))
        })
      }
      await process.pause()
      const consumer = await broker.consume({ ...options, onDelivery })
      return overlay(consumer, {
        async cancel() {
          await process.pause()
          for (const delivery of coming) delivery.requeue()
          coming.clear()
          await consumer.cancel()
        },
      })
    },
  })
}

/** What is kept is one copy still. */
function watchDelays(broker: Broker, ledger: Ledger, pause = async (): Promise<void> => {}): BrokerDelays | undefined {
  const { delays } = broker
  if (!delays) return undefined
  return overlay<BrokerDelays>(delays, {
    async publish(message, to, atMs, options) {
      await pause()
      const where = await delays.publish(message, to, atMs, options)
      ledger.accepted(message, to.routingKey)
      return where
    },
    async keep(delivery, atMs) {
      await pause()
      return await delays.keep(unwatched.get(delivery) ?? delivery, atMs)
    },
  })
}

/** Of what is watched that which a broker knows. */
const unwatched = new WeakMap<Delivery, Delivery>()

function watchDelivery(delivery: Delivery, process: SimulatedProcess, ledger: Ledger): Delivery {
  const settle = (how: 'ack' | 'reject') => (): boolean => {
    const isOurs = process.isAlive && delivery[how]()
    if (isOurs) ledger.settled(delivery.message, delivery.queue)
    return isOurs
  }
  const watched = overlay(delivery, {
    ack: settle('ack'),
    reject: settle('reject'),
    requeue: () => process.isAlive && delivery.requeue(),
  })
  unwatched.set(watched, delivery)
  return watched
}

/** A backend whose outcomes and waits are written into the ledger. */
export function watchBackend(backend: ResultBackend, { process, ledger }: Watching): ResultBackend {
  return overlay<ResultBackend>(backend, {
    async expect(id, isNew) {
      const expectation = await process.gate(backend.expect(id, isNew))
      return watchExpectation(id, expectation, process, ledger)
    },
    async put(outcome: Outcome, to: ReplyAddress) {
      await process.pause()
      await process.gate(backend.put(outcome, to).then(() => ledger.stored(process.name, outcome)))
    },
    get: (id) => process.gate(backend.get(id)),
    forget: (id) => process.gate(backend.forget(id)),
  })
}

function watchExpectation(
  id: string,
  expectation: Expectation,
  process: SimulatedProcess,
  ledger: Ledger,
): Expectation {
  let hasHeard = false
  let done: Promise<Outcome> | undefined
  const isHeard = (): boolean => hasHeard || isReady(expectation.latest?.state ?? '')
  const over = ledger.expects(process.name, id, isHeard)
  process.onDeath(() => over(true))
  return overlay<Expectation>(expectation, {
    get done() {
      if (done) return done
      done = process.gate(
        expectation.done.then((outcome) => {
          hasHeard = true
          return outcome
        }),
      )
      // Who awaits it hears of a failure; one that nobody awaits any more is no unhandled rejection.
      done.catch(() => {})
      return done
    },
    close() {
      over()
      expectation.close()
    },
  })
}

/** Writes each start and end of the application's tasks into the ledger. */
export function watchTasks(app: App, { process, ledger, isBlind }: Watching): void {
  for (const name of app.registry.names()) {
    const task = app.registry.get(name) as RegisteredTask
    const call = task.call.bind(task)
    if (!task.options.acksLate) ledger.ackedEarly.add(name)
    const watched = async (args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): Promise<unknown> => {
      const { id = '', retries = 0, name: running = name } = currentTaskIfAny() ?? {}
      // A map calls another task as a function: there is no message of that.
      if (running !== name) return call(args, kwargs)
      ledger.started(process.name, id, { isBlind: isBlind(), retries, nowMs: process.clock.now() })
      try {
        const value = await call(args, kwargs)
        ledger.ended(process.name, id, 'ends', task.options.ignoreResult)
        return value
      } catch (error) {
        ledger.ended(process.name, id, 'fails', error instanceof Ignore || error instanceof Reject)
        throw error
      }
    }
    Object.defineProperty(task, 'call', { value: watched })
  }
}

/** The object with some members in front of its own. */
function overlay<T extends object>(object: T, members: Partial<T>): T {
  /** Bound once: a world asks often. */
  const bound = new Map<string | symbol, unknown>()
  return new Proxy(object, {
    get(target, name) {
      if (name in members) return Reflect.get(members, name)
      const known = bound.get(name)
      if (known) return known
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const fn: unknown = value.bind(target)
      bound.set(name, fn)
      return fn
    },
  })
}
