import { queueTopology } from '../../src/app/routes.ts'
import { requeueDead } from '../../src/broker/dead-letters.ts'
import { type AsyncResult, isLovageError, TaskError } from '../../src/index.ts'
import { encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { type SimulatedWorld, type SimulateOptions, sleep } from '../../src/testing/testing.ts'
import { serve } from './serve.ts'
import { shop, type Shop } from './shop.ts'

type World = SimulatedWorld<Shop>
type Ask = (tasks: Shop, world: World) => Promise<void>

/** Waits for the result; that the connection was lost on the way is no news here, the simulator knows when it may be. */
async function expectValue<T>(result: PromiseLike<AsyncResult<T>>, value: T): Promise<void> {
  const sent = await result
  try {
    const found = await sent.get({ timeout: '10m' })
    if (found !== value) throw new Error(`${sent.id} came to ${String(found)}, not to ${String(value)}`)
  } finally {
    await sent.forget()
  }
}

async function expectFailure(result: PromiseLike<AsyncResult>, type: string): Promise<void> {
  try {
    await expectValue(result, undefined)
  } catch (error) {
    if (!(error instanceof TaskError) || error.excType !== type) throw error
  }
}

const ASKS: readonly Ask[] = [
  ({ add }) => expectValue(add.delay(2, 3), 5),
  ({ add }) => expectValue(add.delay(20, 3), 23),
  ({ add }) => expectValue(add.applyAsync([4, 5], { countdown: '3s' }), 9),
  ({ slow }) => expectValue(slow.delay(40), 40),
  ({ slow }) => expectValue(slow.delay(4_000), 4_000),
  ({ flaky }) => expectValue(flaky.delay(2), 2),
  ({ again }) => expectValue(again.delay(6), 6),
  ({ resize }) => expectValue(resize.delay(64), 64),
  ({ resize }) => expectValue(resize.applyAsync([32], { priority: 9, compression: 'gzip' }), 32),
  ({ fail }) => expectFailure(fail.delay(), 'ValueError'),
  ({ limited }) => expectFailure(limited.delay(), 'SoftTimeLimitExceeded'),
  ({ app }) => expectFailure(app.sendTask('shop.unknown', [1]), 'NotRegistered'),
  ({ early }) => expectValue(early.delay(3), 3),
  // Whether it was in time is a matter of luck.
  ({ add }) => expectValue(add.applyAsync([1, 1], { expires: '1s' }), 2).catch(forgiveExpiry),
  ({ add }) => expectFailure(add.applyAsync([1, 1], { countdown: '2s', expires: '1s' }), 'TaskRevokedError'),
  async ({ refuse }) => drop(await refuse.delay()),
  async ({ pass }) => drop(await pass.delay()),
  async ({ silent }) => void (await silent.delay()),
  async ({ parent }) => void (await (await parent.delay(7)).forget()),
  sendPickled,
  async ({ app }) => {
    const { broker } = await app.client()
    await requeueDead(broker, 'celery', 'all')
  },
  // One more worker comes, while the others work.
  async (_tasks, { addWorker, random }) => void (random() < 0.5 && addWorker()),
]

async function drop(result: AsyncResult): Promise<void> {
  await result.forget()
}

/** A message as a Python that pickles sends it. */
async function sendPickled({ app }: Shop, { clock }: World): Promise<void> {
  const { broker } = await app.client()
  const { body, headers, ...rest } = encodeTask(newRequest({ id: clock.uuid(), task: 'shop.add' }))
  const message = { ...rest, headers, body, contentType: 'application/x-python-serialize' }
  await broker.declare(queueTopology('celery', app.settings))
  await broker.publish(message, { exchange: '', routingKey: 'celery' })
}

/** What a client may hear when the network is as it is. */
const BAD_LUCK = ['PUBLISH_TIMEOUT', 'BROKER_UNREACHABLE', 'RESULT_TIMEOUT'] as const

function forgive(error: unknown): void {
  if (!BAD_LUCK.some((code) => isLovageError(error, code))) throw error
}

function forgiveExpiry(error: unknown): void {
  if (!(error instanceof TaskError) || error.excType !== 'TaskRevokedError') throw error
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
  }),
}
