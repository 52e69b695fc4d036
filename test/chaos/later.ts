import { topologyOf } from '../../src/app/queues.ts'
import type { AsyncResult } from '../../src/index.ts'
import type { Broker, BrokerDelays } from '../../src/broker/broker.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import type { SimulatedWorld, SimulateOptions, Wrap } from '../../src/testing/testing.ts'
import type { Shop } from './shop.ts'
import { over } from './planted-bugs.ts'
import { endOf, forgive, SHOP } from './trade.ts'

type World = SimulatedWorld<Shop>

const LONGEST_MS = 20_000

/**
 * Tasks that wait for their time while those die who would move them, one or all, and the broker with them. That none runs
 * early, that each runs, and once where nothing goes wrong, is what every schedule is judged by.
 */
export const LATER: SimulateOptions<Shop> = {
  ...SHOP,
  scenario: async (world) => {
    const sent: { result: AsyncResult<number>; value: number }[] = []
    const disaster = strike(world)
    for (let nth = 3 + Math.floor(world.random() * 4); nth > 0; nth--) {
      const one = await sendLater(world, nth)
      if (one) sent.push(one)
      await world.sleep(world.random() * 2_000)
    }
    await disaster
    for (const { result, value } of sent) {
      const found = await endOf(result).catch(forgive)
      if (found !== undefined && found !== value && found !== 'WorkerLostError')
        throw new Error(`${result.id} came to ${String(found)}, not to ${value}`)
    }
  },
}

/** One task for later, by one of the ways there are; what is to come of it, where that can be waited for. */
async function sendLater(world: World, nth: number) {
  const { client, clock, insist, random } = world
  const { add, patient } = client
  const inMs = 2_100 + random() * LONGEST_MS
  const way = random()
  if (way < 0.3) return { result: await insist(() => add.applyAsync([nth, 1], { countdown: inMs })), value: nth + 1 }
  if (way < 0.5) {
    const eta = new Date(clock.now() + inMs)
    return { result: await insist(() => add.applyAsync([nth, 2], { eta })), value: nth + 2 }
  }
  if (way < 0.75) return { result: await insist(() => patient.delay(nth)), value: nth }
  await sendStraight(world, nth, inMs)
  return undefined
}

/** As Celery's clients send it: into its queue, from which whoever takes it has it wait. Gives its id. */
async function sendStraight({ client: { app }, clock, insist }: World, nth: number, inMs: number): Promise<string> {
  const id = clock.uuid()
  const eta = new Date(clock.now() + inMs).toISOString()
  const message = encodeTask(newRequest({ id, task: 'shop.add', eta, body: encodeBody([nth, 3], {}) }))
  const { broker } = await insist(() => app.client())
  await insist(async () => {
    await broker.declare(topologyOf(app.settings, 'celery'))
    await broker.publish(message, { exchange: '', routingKey: 'celery' })
  })
  return id
}

/** Up to three times: a worker dies, or all, and everybody who moves with them; or the broker, with what waits in it. */
async function strike({ crashWorker, random, restartBroker, sleep, stopWorker }: World): Promise<void> {
  for (let left = Math.floor(random() * 4); left > 0; left--) {
    await sleep(random() * 10_000)
    const which = random()
    if (which < 0.35) for (const at of [0, 1, 2]) crashWorker(at)
    else if (which < 0.55) crashWorker(Math.floor(random() * 3))
    // Not awaited: one that dies meanwhile never stops.
    else if (which < 0.7) for (const at of [0, 1, 2]) void stopWorker(at)
    else restartBroker()
  }
}

/** Ids of the tasks of a world that must run once. */
const once = new WeakMap<World, string[]>()

/** What waits when all who would move it die, or the broker does, runs once: nobody has it in hand meanwhile. */
export const WAITING: SimulateOptions<Shop> = {
  ...SHOP,
  scenario: async (world) => {
    const { crashWorker, random, restartBroker, sleep } = world
    const sent: AsyncResult<number>[] = []
    const ids: string[] = []
    once.set(world, ids)
    for (let nth = 2 + Math.floor(random() * 3); nth > 0; nth--) {
      const countdown = 20_000 + random() * LONGEST_MS
      if (random() < 0.3) ids.push(await sendStraight(world, nth, countdown))
      else sent.push(await world.insist(() => world.client.add.applyAsync([nth, 1], { countdown })))
    }
    ids.push(...sent.map(({ id }) => id))
    for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
      await sleep(1_000 + random() * 1_000)
      // RabbitMQ, killed in the midst of moving a message from one level to the next, has it twice.
      if (random() < 0.4 && world.broker !== 'amqp') restartBroker()
      else for (const at of [0, 1, 2]) crashWorker(at)
    }
    for (const result of sent) await endOf(result).catch(forgive)
  },
  invariants: (world) => {
    for (const id of once.get(world) ?? []) {
      if (world.starts(id) !== 1) throw new Error(`${id} was started ${world.starts(id)} times`)
    }
  },
  faults: {
    ...{ crash: 0, stop: 0, stall: 0, cut: 0, restart: 0 },
    ...{ closeChannel: 0, duplicate: 0, delay: 0, pause: 0, demote: 0 },
  },
}

/** Bugs with what is for later, as somebody might write them, put around what is right. */
export const PLANTED_LATER = {
  'forgets the time that a task has': { broker: forgetsTimes },
  'lets a task go before the broker keeps it': { broker: letsGoFirst },
} satisfies Record<string, Wrap>

/** The same, of those that have a task run twice. */
export const PLANTED_WAITING = {
  'has a task wait with the broker, and holds it all the same': { broker: holdsAllTheSame },
} satisfies Record<string, Wrap>

function holdsAllTheSame(broker: Broker): Broker {
  return withDelays(broker, (delays) => ({
    keep: async (delivery, atMs) => {
      await delays.publish(delivery.message, { exchange: '', routingKey: delivery.queue }, atMs, { isPassedOn: true })
      return false
    },
  }))
}

function forgetsTimes(broker: Broker): Broker {
  return withDelays(broker, (delays) => ({
    publish: (message, to, atMs, options) => {
      const { eta: _, ...headers } = message.headers
      return delays.publish({ ...message, headers }, to, Math.min(atMs, 1), options)
    },
  }))
}

function letsGoFirst(broker: Broker): Broker {
  return withDelays(broker, (delays) => ({
    keep: async (delivery, atMs) => {
      if (!delivery.ack()) return false
      await delays.publish(delivery.message, { exchange: '', routingKey: delivery.queue }, atMs, { isPassedOn: true })
      return true
    },
  }))
}

function withDelays(broker: Broker, members: (delays: BrokerDelays) => Partial<BrokerDelays>): Broker {
  const { delays } = broker
  return delays ? over(broker, { delays: over(delays, members(delays)) }) : broker
}
