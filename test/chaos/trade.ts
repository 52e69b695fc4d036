import { topologyOf } from '../../src/app/queues.ts'
import { requeueDead } from '../../src/broker/dead-letters.ts'
import { type AsyncResult, isLovageError, TaskError } from '../../src/index.ts'
import { encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { type SimulatedWorld, type SimulateOptions, sleep } from '../../src/testing/testing.ts'
import { serve } from './serve.ts'
import { shop, type Shop } from './shop.ts'

type World = SimulatedWorld<Shop>
type Ask = (tasks: Shop, world: World) => Promise<unknown>

/**
 * Waits for results; that the connection was lost on the way is no news here, the simulator knows when it may be. Any task
 * may be worn out where chance kills one worker after the other that has its message.
 */
const expects = {
  async value<T>(sending: PromiseLike<AsyncResult<T>>, value: T): Promise<void> {
    const result = await sending
    const found = await endOf(result)
    if (found !== value && found !== 'WorkerLostError')
      throw new Error(`${result.id} came to ${String(found)}, not to ${String(value)}`)
  },

  async failure(sending: PromiseLike<AsyncResult>, type: string): Promise<void> {
    const result = await sending
    const found = await endOf(result)
    if (found !== type && found !== 'WorkerLostError')
      throw new Error(`${result.id} came to ${String(found)}, not to ${type}`)
  },
}

/** Its value, or the type of its failure. */
export async function endOf(result: AsyncResult): Promise<unknown> {
  try {
    return await result.get({ timeout: '10m' })
  } catch (error) {
    if (error instanceof TaskError) return error.excType
    throw error
  } finally {
    await result.forget()
  }
}

const ASKS: readonly Ask[] = [
  ({ add }) => expects.value(add.delay(2, 3), 5),
  ({ add }) => expects.value(add.delay(20, 3), 23),
  ({ add }) => expects.value(add.applyAsync([4, 5], { countdown: '3s' }), 9),
  ({ slow }) => expects.value(slow.delay(40), 40),
  ({ slow }) => expects.value(slow.delay(4_000), 4_000),
  ({ flaky }) => expects.value(flaky.delay(2), 2),
  ({ again }) => expects.value(again.delay(6), 6),
  ({ resize }) => expects.value(resize.delay(64), 64),
  ({ resize }) => expects.value(resize.applyAsync([32], { priority: 9, compression: 'gzip' }), 32),
  ({ fail }) => expects.failure(fail.delay(), 'ValueError'),
  ({ limited }) => expects.failure(limited.delay(), 'SoftTimeLimitExceeded'),
  // Seldom, because it takes long.
  async ({ doom }, { random }) => random() < 0.3 && expects.failure(doom.delay(), 'WorkerLostError'),
  ({ app }) => expects.failure(app.sendTask('shop.unknown', [1]), 'NotRegistered'),
  ({ early }) => expects.value(early.delay(3), 3),
  // Whether it was in time is a matter of luck.
  ({ add }) => expects.value(add.applyAsync([1, 1], { expires: '1s' }), 2).catch(forgiveExpiry),
  ({ add }) => expects.failure(add.applyAsync([1, 1], { countdown: '2s', expires: '1s' }), 'TaskRevokedError'),
  async ({ refuse }) => drop(await refuse.delay()),
  async ({ pass }) => drop(await pass.delay()),
  async ({ silent }) => silent.delay(),
  async ({ parent }) => drop(await parent.delay(7)),
  sendPickled,
  async ({ app }) => {
    const { broker } = await app.client()
    await requeueDead(broker, 'celery', 'all')
  },
  // One more worker comes, while the others work.
  async (_tasks, { addWorker, random }) => random() < 0.5 && addWorker(),
]

async function drop(result: AsyncResult): Promise<void> {
  await result.forget()
}

/** A message as a Python that pickles sends it. */
async function sendPickled({ app }: Shop, { clock }: World): Promise<void> {
  const { broker } = await app.client()
  const { body, headers, ...rest } = encodeTask(newRequest({ id: clock.uuid(), task: 'shop.add' }))
  const message = { ...rest, headers, body, contentType: 'application/x-python-serialize' }
  await broker.declare(topologyOf(app.settings, 'celery'))
  await broker.publish(message, { exchange: '', routingKey: 'celery' })
}

/** What a client may hear when the network is as it is. */
const BAD_LUCK = ['PUBLISH_TIMEOUT', 'BROKER_UNREACHABLE', 'BACKEND_UNREACHABLE', 'RESULT_TIMEOUT'] as const

export function forgive(error: unknown): void {
  if (!BAD_LUCK.some((code) => isLovageError(error, code))) throw error
}

function forgiveExpiry(error: unknown): void {
  if (!(error instanceof Error) || !error.message.includes('came to TaskRevokedError')) throw error
}

async function ask(world: World, tasks: Shop): Promise<void> {
  const one = ASKS[Math.floor(world.random() * ASKS.length)] as Ask
  await one(tasks, world).catch(forgive)
}

/** Two clients: one asks, and waits for answers; one sends, waits for nothing, and may die. */
async function trade(world: World): Promise<void> {
  const open: Promise<void>[] = []
  const sender = world.peer('sender', true)
  void (async () => {
    for (let left = 3; left > 0; left--) {
      await sleep(sender.clock, world.random() * 300)
      sender.made.slow.delay(30).catch(forgive)
    }
  })()
  for (let left = 4 + Math.floor(world.random() * 5); left > 0; left--) {
    const asked = ask(world, world.client)
    // It is awaited in the end; until then its failure is not nobody's.
    asked.catch(() => {})
    open.push(asked)
    await world.sleep(world.random() * 200)
  }
  await Promise.all(open)
}

export const SHOP: SimulateOptions<Shop> = {
  app: shop,
  scenario: async (world) => {
    await Promise.all([trade(world), serve(world)])
  },
  workerOptions: (at) => ({
    // Two serve one queue alone, the third both.
    queues: at % 3 === 0 ? ['celery'] : at % 3 === 1 ? ['images'] : ['celery', 'images'],
    concurrency: 2,
    gracePeriod: '2s',
    // Short, so that much is moved under leases while it is in hand.
    consumerTimeout: at % 3 === 2 ? '30m' : '500ms',
  }),
}

/** Tasks that kill their workers each time, and neighbours that have done nothing. */
export const KILLERS: SimulateOptions<Shop> = {
  ...SHOP,
  scenario: async ({ client, dead, insist, random, sleep: pause, starts }) => {
    const innocent: AsyncResult<number>[] = []
    const killers: AsyncResult<void>[] = []
    for (let left = 8; left > 0; left--) {
      innocent.push(await insist(() => client.slow.delay(200 + Math.floor(random() * 300))))
      if (left % 4 === 0) killers.push(await insist(() => client.doom.delay()))
      await pause(random() * 50)
    }
    for (const result of killers) {
      const end = await result.get().catch((error: unknown) => error)
      if (!(end instanceof TaskError) || end.excType !== 'WorkerLostError') throw new Error(`a killer: ${String(end)}`)
    }
    // Throws what became of it, where that is no value.
    for (const result of innocent) await result.get()
    await pause(60_000)
    for (const { id } of killers) {
      if (starts(id) < 2 || dead(id) === 0) throw new Error(`a killer was started ${starts(id)} times`)
    }
  },
  faults: { crash: 0, stop: 0, stall: 0, cut: 0, restart: 0, closeChannel: 0, duplicate: 0, delay: 0 },
  workerOptions: { concurrency: 4, gracePeriod: '2s' },
}
