import { currentTask, Ignore, isLovageError, lovage, Reject, TaskError, type Surroundings } from '../../src/index.ts'
import { Gateway } from '../../src/gateway/gateway.ts'
import type { AsyncResult } from '../../src/index.ts'
import { type SimulatedWorld, type SimulateOptions, sleep } from '../../src/testing/testing.ts'

/** Tasks of every kind that a schedule can hurt. */
export function shop(around: Required<Surroundings>) {
  const app = lovage('shop', { publishTimeout: '2s' }, around)
  const wait = (ms: number): Promise<void> => sleep(around.clock, ms)
  const add = app.task('shop.add', (x: number, y: number) => x + y)
  return {
    app,
    add,
    slow: app.task('shop.slow', { trackStarted: true }, async (ms: number) => {
      const { progress } = currentTask()
      await wait(ms / 2)
      progress({ at: 'half' })
      await wait(ms / 2)
      return ms
    }),
    flaky: app.task('shop.flaky', { retryDelay: '1s', maxRetries: 5, retryOn: ['Error'] }, async (times: number) => {
      await wait(1)
      if (currentTask().retries < times) throw new Error('not yet')
      return times
    }),
    fail: app.task('shop.fail', async () => {
      await wait(1)
      throw new RangeError('never')
    }),
    refuse: app.task('shop.refuse', () => {
      throw new Reject('not for us')
    }),
    pass: app.task('shop.pass', () => {
      throw new Ignore()
    }),
    silent: app.task('shop.silent', { ignoreResult: true }, () => wait(3)),
    early: app.task('shop.early', { acksLate: false }, async (x: number) => {
      await wait(20)
      return x
    }),
    parent: app.task('shop.parent', async (x: number) => {
      const result = await add.delay(x, 1)
      return result.id
    }),
    limited: app.task('shop.limited', { softTimeLimit: '100ms' }, async () => {
      const { signal } = currentTask()
      await sleep(around.clock, 10_000, signal)
    }),
  }
}

export type Shop = ReturnType<typeof shop>
type Ask = (tasks: Shop, world: SimulatedWorld<Shop>) => Promise<void>

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
]

async function drop(result: AsyncResult): Promise<void> {
  await result.forget()
}

/** What a client may hear when the network is as it is. */
const BAD_LUCK = ['PUBLISH_TIMEOUT', 'BROKER_UNREACHABLE', 'RESULT_TIMEOUT'] as const

function forgive(error: unknown): void {
  if (!BAD_LUCK.some((code) => isLovageError(error, code))) throw error
}

function forgiveExpiry(error: unknown): void {
  if (!(error instanceof TaskError) || error.excType !== 'TaskRevokedError') throw error
}

async function ask(world: SimulatedWorld<Shop>, tasks: Shop): Promise<void> {
  const one = ASKS[Math.floor(world.random() * ASKS.length)] as Ask
  await one(tasks, world).catch(forgive)
}

/** Two clients: one asks, and waits for answers; one sends, waits for nothing, and may die. */
export async function trade(world: SimulatedWorld<Shop>): Promise<void> {
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

/** What a gateway may answer when the network is as it is. */
const BAD_LUCK_STATUS = [503, 504]

/** A gateway, and clients of it that ask over HTTP. */
export async function serve(world: SimulatedWorld<Shop>): Promise<void> {
  const { made, clock } = world.peer('gateway')
  const door = new Gateway(made.app, { timeout: '2m' }, { clock })
    .get('/sum/:x/:y', made.add, { args: ({ params }) => [Number(params.x), Number(params.y)] })
    .get('/flaky/:times', made.flaky, { args: ({ params }) => [Number(params.times)] })
    .get('/fail', made.fail)
  const open: Promise<void>[] = []
  const get = async (url: string, status: number, body?: unknown): Promise<void> => {
    const reply = await door.inject(url)
    if (BAD_LUCK_STATUS.includes(reply.statusCode)) return
    if (reply.statusCode !== status) throw new Error(`${url} was answered with ${reply.statusCode}: ${reply.body}`)
    if (body !== undefined && reply.json().results !== body) throw new Error(`${url} was answered with ${reply.body}`)
  }
  for (let left = 3 + Math.floor(world.random() * 4); left > 0; left--) {
    const draw = world.random()
    const asked = draw < 0.6 ? get('/sum/2/40', 200, 42) : draw < 0.9 ? get('/flaky/1', 200, 1) : get('/fail', 500)
    asked.catch(() => {})
    open.push(asked)
    await world.sleep(world.random() * 200)
  }
  await Promise.all(open)
  if (door.inFlight !== 0) throw new Error(`the gateway still has ${door.inFlight} requests in flight`)
}

export const SHOP: SimulateOptions<Shop> = {
  app: shop,
  scenario: async (world) => {
    // One in ten has a gateway, which is slow to make; with either broker, which go by odd and even.
    await Promise.all(world.seed % 20 === 0 || world.seed % 20 === 11 ? [trade(world), serve(world)] : [trade(world)])
  },
  workerOptions: { concurrency: 2, gracePeriod: '2s' },
}
