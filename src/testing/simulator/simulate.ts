import type { Surroundings } from '../../app/app.ts'
import { systemClock } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { onLog } from '../../base/log.ts'
import type { WorkerOptions } from '../../worker/worker.ts'
import type { FaultName, Faults } from './faults.ts'
import { type BrokerModel, type MadeApp, type Peer, World, type Wrap } from './world.ts'

/** What a scenario works with. */
export interface SimulatedWorld<Made extends MadeApp> extends Pick<Peer<Made>, 'clock'> {
  /** The seed of this schedule. */
  readonly seed: number
  readonly broker: BrokerModel
  /** What was made for the process in which the scenario runs. Nothing kills it. */
  readonly client: Made
  /** A number from 0 (included) to 1 (excluded), by the seed. */
  random(): number
  /** Waits, in virtual time. */
  sleep(ms: number): Promise<void>
  /** Starts one more process: a gateway's, say. `isMortal`: chance may kill it, and it does not come again. */
  peer(name: string, isMortal?: boolean): Peer<Made>
  /** Kills a worker, from 0; another comes in its place. */
  crashWorker(at: number): void
  /** Stops a worker warmly; another comes in its place. */
  stopWorker(at: number): Promise<void>
  /** Loses the connections of a process by its name; the scenario's own is `'client'`. Nothing happens in memory. */
  cut(process: string): void
  /** The broker dies, and comes again. Nothing happens in memory. */
  restartBroker(): void
  /** How often the function of a task was started so far. */
  starts(id: string): number
  /** Names of the final states that were stored for a task, in order. */
  states(id: string): readonly string[]
  /** Messages of a task in dead letters. */
  dead(id: string): number
}

/** What {@link simulate} takes. */
export interface SimulateOptions<Made extends MadeApp> {
  /** Makes the application, and its tasks, for one process: `lovage('shop', settings, around)`. Called for each process. */
  readonly app: (around: Required<Surroundings>) => Made
  /** What clients do. It ends when they are done; the faults end then too. */
  readonly scenario: (world: SimulatedWorld<Made>) => Promise<void>
  /** Looks at the world when all is quiet. What it throws fails the schedule. */
  readonly invariants?: (world: SimulatedWorld<Made>) => void | Promise<void>
  /** Seed of the first schedule; each one after has the next number. Default: drawn at random. */
  readonly seed?: number
  /** How many schedules. Default 100. */
  readonly schedules?: number
  /** Models of brokers, in turn. Default both: `['memory', 'amqp']`. */
  readonly brokers?: readonly BrokerModel[]
  /** Default 3. */
  readonly workers?: number
  /** Options of all workers. */
  readonly workerOptions?: Omit<WorkerOptions, 'hostname'>
  readonly faults?: Faults
  /** Longest virtual time of a scenario, in milliseconds. Default one day. */
  readonly deadlineMs?: number
  readonly wrap?: Wrap
}

/** What the schedules were made of. */
export interface Simulation {
  readonly seed: number
  readonly schedules: number
  /** Steps in all. */
  readonly steps: number
  /** Tasks that were sent, and starts of their functions: what is more was redelivered, retried or sent twice. */
  readonly tasks: number
  readonly starts: number
  /** How often each fault struck. */
  readonly faults: Readonly<Record<FaultName, number>>
}

const DAY_MS = 86_400_000

/** Virtual time for the workers to be there at the beginning, and for all to stop at the end. */
const CHANGE_MS = 600_000

/** Virtual time in which what was sent must come to its end, once nothing goes wrong any more. */
const CALM_MS = DAY_MS

/** Virtual time between the end of all work and the judgement. */
const REST_MS = 40_000

/**
 * Runs a scenario again and again in simulated worlds: a broker, workers, and clients in one thread on virtual time, under
 * faults that the seed draws. After each schedule it must hold that every message that was confirmed has an outcome, or is
 * in the dead letters; that no outcome came of a message that nobody sent; that no task was started once its outcome was
 * stored and all its messages acknowledged; that everybody who waits for an outcome heard of it, unless their connection
 * was lost meanwhile; that where no worker ended and no connection was lost no task was started more often than it was sent;
 * that nothing hangs; and what `invariants` says.
 * @throws LovageError `SIMULATION_FAILED`, with the seed that repeats the schedule, and its trace
 */
export async function simulate<Made extends MadeApp>(options: SimulateOptions<Made>): Promise<Simulation> {
  const { schedules = 100 } = options
  const seed = options.seed ?? Math.floor(systemClock.random() * 2 ** 31)
  const sum = { seed, schedules, steps: 0, tasks: 0, starts: 0, faults: {} as Record<FaultName, number> }
  for (let at = 0; at < schedules; at++) {
    const world = await runSchedule(options, seed + at, false)
    if (world.ledger.problem !== undefined) throw await failed(options, seed + at, world.ledger.problem)
    sum.steps += world.timeline.steps
    for (const { starts } of world.ledger.tasks.values()) {
      sum.tasks++
      sum.starts += starts
    }
    for (const [name, count] of Object.entries(world.kit.struck) as [FaultName, number][]) {
      sum.faults[name] = (sum.faults[name] ?? 0) + count
    }
  }
  return sum
}

/** The trace of one schedule, as lines of text: milliseconds, who, what. */
export async function traceOf<Made extends MadeApp>(options: SimulateOptions<Made>, seed: number): Promise<string[]> {
  const off = onLog(({ level, room, message, fields }) => {
    current?.trace.add(`(${room})`, `${level}: ${message} ${logged(fields)}`)
  })
  let current: World<Made> | undefined
  try {
    await runSchedule(options, seed, true, (world) => (current = world))
  } finally {
    off()
  }
  return current?.trace.lines() ?? []
}

async function failed<Made extends MadeApp>(
  options: SimulateOptions<Made>,
  seed: number,
  problem: string,
): Promise<LovageError> {
  const lines = await traceOf(options, seed)
  const isRepeated = lines.some((line) => line.includes(`BROKEN: ${problem}`))
  const note = isRepeated
    ? ''
    : '\n(It did not fail again: something in it does not come from the clock of its process.)'
  return new LovageError('SIMULATION_FAILED', { seed, problem, trace: `\n${lines.join('\n')}${note}` })
}

async function runSchedule<Made extends MadeApp>(
  options: SimulateOptions<Made>,
  seed: number,
  isTraced: boolean,
  onWorld: (world: World<Made>) => void = () => {},
): Promise<World<Made>> {
  const { brokers = ['memory', 'amqp'], workers = 3, workerOptions = {}, faults = {}, wrap = {} } = options
  const broker = brokers[seed % brokers.length] ?? 'memory'
  const world = new World({ seed, broker, makeApp: options.app, workers, workerOptions, faults, wrap, isTraced })
  onWorld(world)
  const view = viewOf(world)
  const { kit, ledger } = world
  try {
    for (const slot of world.workers) slot.start()
    await phase(world, 'start', CHANGE_MS, () => running(world))
    kit.begin()
    await phase(world, 'scenario', options.deadlineMs ?? DAY_MS, () => options.scenario(view))
    kit.calm()
    await phase(world, 'settling of all messages', CALM_MS, () => quiet(world))
    await phase(world, 'rest', CHANGE_MS, () => world.sleep(REST_MS))
    ledger.judge()
    world.judgeWaits()
    const { invariants } = options
    if (invariants) await phase(world, 'invariants', CHANGE_MS, async () => invariants(view))
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
  return world
}

/** Thrown to leave a schedule in which a promise was broken; the ledger says which. */
class Broken extends Error {}

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

function viewOf<Made extends MadeApp>(world: World<Made>): SimulatedWorld<Made> {
  const { seed, broker, timeline } = world
  const client = world.peer('client')
  return {
    seed,
    broker,
    client: client.made,
    clock: client.clock,
    random: timeline.random,
    sleep: (ms) => world.sleep(ms),
    peer: (name, isMortal) => world.peer(name, isMortal),
    crashWorker: (at) => world.workers[at]?.crash(),
    stopWorker: async (at) => world.workers[at]?.stop(),
    cut: (process) => world.cut(process),
    restartBroker: () => world.restartBroker(),
    starts: (id) => world.facts(id)?.starts ?? 0,
    states: (id) => world.outcomes(id).map(({ state }) => state),
    dead: (id) => world.facts(id)?.dead ?? 0,
  }
}

function logged(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : messageOf(value)}`)
    .join(' ')
}
