import { isDeepStrictEqual, inspect } from 'node:util'
import { isLovageError, messageOf } from '../../base/errors.ts'
import { loadEngineServer } from '../../broker/open.ts'
import { seededRandom } from '../seeded.ts'
import type { SimulatedWorld, SimulateOptions } from './simulate.ts'
import type { MadeApp, Peer } from './peer.ts'
import { World } from './world.ts'

const DAY_MS = 86_400_000

/** Virtual time for the workers to be there at the beginning, and for all to stop at the end. */
const CHANGE_MS = 600_000

/** Virtual time in which what was sent must come to its end, once nothing goes wrong any more. */
const CALM_MS = DAY_MS

/** The same with Redis, whose workers give a sign of life every few seconds, so that a day of them is long. */
const REDIS_CALM_MS = 7_200_000

/** What a sender hears when the broker is not there, or does not answer. */
const AWAY = ['PUBLISH_TIMEOUT', 'BROKER_UNREACHABLE', 'BACKEND_UNREACHABLE'] as const

/** Wait of a client before it sends again. */
const AGAIN_MS = 500

/** Makes the numbers of the scenario others than those of its world. */
const SCENARIO = 0x5bd1e995

/** Virtual time between the end of all work and the judgement. */
const REST_MS = 40_000

/** Which schedule is run, and how. */
interface Which<Made extends MadeApp> {
  readonly seed: number
  /** Numbers of the strikes that are let through. Default: all. */
  readonly strikes?: readonly number[] | undefined
  readonly isTraced?: boolean
  /** Given the world before it begins. */
  readonly onWorld?: (world: World<Made>) => void
}

/** Runs one schedule. The ledger of its world says what was broken, if anything was. */
export async function runSchedule<Made extends MadeApp>(
  options: SimulateOptions<Made>,
  which: Which<Made>,
): Promise<World<Made>> {
  if (!options.state) return (await play(options, which)).world
  const clean = await play(options, { seed: which.seed, strikes: [] })
  const isSound = clean.world.ledger.problem === undefined
  return (await (isSound ? play(options, which, clean) : play(options, { ...which, strikes: [] }))).world
}

/** @param clean what came of it without any fault */
async function play<Made extends MadeApp>(
  options: SimulateOptions<Made>,
  { seed, strikes, isTraced = false, onWorld }: Which<Made>,
  clean?: { readonly state: unknown },
): Promise<{ world: World<Made>; state: unknown }> {
  const { brokers = ['memory', 'amqp'], workers = 3, workerOptions = {}, faults = {}, wrap = {} } = options
  const broker = brokers[seed % brokers.length] ?? 'memory'
  const makeApp = options.app
  const Engine = broker === 'embedded' ? await loadEngineServer() : undefined
  const world = new World({ seed, broker, makeApp, workers, workerOptions, faults, strikes, wrap, Engine, isTraced })
  onWorld?.(world)
  const client = world.peer('client')
  const view = viewOf(world, client)
  const { kit, ledger } = world
  let state: unknown
  try {
    await world.prepare()
    for (const slot of world.workers) slot.start()
    await phase(world, 'start', CHANGE_MS, () => running(world))
    kit.begin()
    await phase(world, 'scenario', options.deadlineMs ?? DAY_MS, () => client.run(() => options.scenario(view)))
    kit.calm()
    const calmMs = broker === 'redis' ? REDIS_CALM_MS : CALM_MS
    await phase(world, 'settling of all messages', calmMs, () => quiet(world))
    await phase(world, 'rest', CHANGE_MS, () => world.sleep(REST_MS))
    ledger.judge()
    world.judgeWaits()
    await phase(world, 'invariants', CHANGE_MS, async () => {
      await client.run(() => options.invariants?.(view))
      state = structuredClone(client.run(() => options.state?.(view)))
      if (clean && !isDeepStrictEqual(state, clean.state)) throw new Differs(state, clean.state)
    })
    await phase(world, 'stop', CHANGE_MS, async () => {
      for (const slot of world.workers) slot.end()
      await Promise.all(world.workers.map((slot) => slot.stop()))
      await world.close()
    })
  } catch (error) {
    if (!(error instanceof Broken)) throw error
  } finally {
    world.end()
  }
  return { world, state }
}

/** Thrown to leave a schedule in which a promise was broken; the ledger says which. */
class Broken extends Error {}

/** Faults have brought about something else. */
class Differs extends Error {
  constructor(...states: [found: unknown, clean: unknown]) {
    const [found, clean] = states.map((state) => inspect(state, { depth: 6, breakLength: 100 }))
    super(`the state is not what it is when nothing goes wrong\nIt is: ${found}\nnot: ${clean}`)
  }
}

/** Lets time pass until the work is done. */
async function phase<Made extends MadeApp>(
  world: World<Made>,
  name: string,
  longestMs: number,
  work: () => Promise<void>,
): Promise<void> {
  const { timeline, ledger } = world
  let isDone = false
  world.trace.add('', `-- ${name}`)
  work().then(
    () => (isDone = true),
    (error: unknown) => {
      if (error instanceof Differs) return ledger.blame(error.message)
      ledger.blame(`${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`)
    },
  )
  const end = await timeline.drive(() => isDone || ledger.problem !== undefined, timeline.monotonic() + longestMs)
  if (end === 'late') ledger.blame(`${name} did not come to its end within ${longestMs} ms of virtual time`)
  if (end === 'idle') ledger.blame(`${name} waits for what nothing in this world will bring`)
  if (ledger.problem !== undefined) throw new Broken()
}

async function running<Made extends MadeApp>(world: World<Made>): Promise<void> {
  while (!world.workers.every((slot) => slot.isRunning)) await world.sleep(5)
}

/** Every message of a task is settled, and stays so for a while. */
async function quiet<Made extends MadeApp>(world: World<Made>): Promise<void> {
  await running(world)
  for (let waitMs = 20, calm = 0; calm < 3; waitMs = Math.min(waitMs * 1.5, 5_000)) {
    await world.sleep(waitMs)
    calm = world.ledger.unsettled === 0 ? calm + 1 : 0
  }
}

function viewOf<Made extends MadeApp>(world: World<Made>, client: Peer<Made>): SimulatedWorld<Made> {
  const { seed, broker } = world
  return {
    seed,
    broker,
    client: client.made,
    clock: client.clock,
    random: seededRandom(seed ^ SCENARIO),
    sleep: (ms) => world.sleep(ms),
    peer: (name, isMortal) => world.peer(name, isMortal),
    insist: async (send) => {
      for (;;) {
        try {
          return await send()
        } catch (error) {
          if (!AWAY.some((code) => isLovageError(error, code))) throw error
          await world.sleep(AGAIN_MS)
        }
      }
    },
    addWorker: () => world.addWorker(),
    crashWorker: (at) => world.workers[at]?.crash(),
    stopWorker: async (at) => world.workers[at]?.stop(),
    cut: (process) => world.cut(process),
    restartBroker: () => world.restartBroker(),
    starts: (id) => world.facts(id)?.starts ?? 0,
    states: (id) => world.outcomes(id).map(({ state }) => state),
    dead: (id) => world.facts(id)?.dead ?? 0,
  }
}
