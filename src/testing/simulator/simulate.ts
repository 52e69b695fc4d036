import type { App, Surroundings } from '../../app/app.ts'
import { systemClock } from '../../base/clock.ts'
import type { WorkerOptions } from '../../worker/worker.ts'
import type { FaultName, Faults } from './faults.ts'
import { report } from './report.ts'
import { runSchedule } from './schedule.ts'
import { openStage } from './stage.ts'
import type { BrokerModel, MadeApp, Peer, Wrap } from './peer.ts'

/** What a scenario works with. */
export interface SimulatedWorld<Made extends MadeApp> extends Pick<Peer<Made>, 'clock'> {
  /** The seed of this schedule. */
  readonly seed: number
  readonly broker: BrokerModel
  /** What was made for the process in which the scenario runs. Nothing kills it. */
  readonly client: Made
  /** A number from 0 (included) to 1 (excluded), by the seed; the same ones whatever goes wrong. */
  random(): number
  /** Waits, in virtual time. */
  sleep(ms: number): Promise<void>
  /** Starts one more process: a gateway's, say. `isMortal`: chance may kill it, and it does not come again. */
  peer(name: string, isMortal?: boolean): Peer<Made>
  /** Calls `send` until the broker has what it sends: a client that tries again when the broker was not there. */
  insist<T>(send: () => PromiseLike<T>): Promise<T>
  /** Starts one more worker, while the others work; returns its number. */
  addWorker(): number
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

/** What the application of a simulated process stands on. */
export interface SimulatedSurroundings extends Required<Surroundings> {
  /** Name of its process. */
  readonly process: string
  /** Kills its process, as `kill -9` does. A task that calls this, and awaits anything, never ends. */
  readonly die: () => void
}

/** What {@link simulate} takes. */
export interface SimulateOptions<Made extends MadeApp> {
  /**
   * The application, as your modules have it: in each process another stands in for it, with the same tasks, and with
   * simulated time, timers and chance around them. Or a function that makes the application, and whatever goes with it, for
   * one process: `lovage('shop', settings, around)`; nothing is put in the place of JavaScript's own timers then.
   */
  readonly app: App | ((around: SimulatedSurroundings) => Made)
  /** What clients do. It ends when they are done; the faults end then too. */
  readonly scenario: (world: SimulatedWorld<Made>) => Promise<void>
  /** Looks at the world when all is quiet. What it throws fails the schedule. */
  readonly invariants?: (world: SimulatedWorld<Made>) => void | Promise<void>
  /**
   * What your tasks have brought about, as data. It must be what it is when nothing goes wrong: each schedule is run a
   * second time without any fault, and the two are compared.
   */
  readonly state?: (world: SimulatedWorld<Made>) => unknown
  /** Seed of the first schedule; each one after has the next number. Default: drawn at random. */
  readonly seed?: number
  /** How many schedules. Default 100. */
  readonly schedules?: number
  /** Numbers of the only strikes of faults that are let through, as the report of a failure names them. Default: all. */
  readonly strikes?: readonly number[]
  /** Models of brokers, in turn. Default `['memory', 'amqp']`; there are `'embedded'` and `'redis'` as well. */
  readonly brokers?: readonly BrokerModel[]
  /** Default 3. */
  readonly workers?: number
  /** Options of all workers, or of each by its number, from 0. */
  readonly workerOptions?: WorkerChoice
  readonly faults?: Faults
  /** Longest virtual time of a scenario, in milliseconds. Default one day. */
  readonly deadlineMs?: number
  readonly wrap?: Wrap
}

/** Options of simulated workers. */
export type WorkerChoice = Omit<WorkerOptions, 'hostname'> | ((at: number) => Omit<WorkerOptions, 'hostname'>)

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

/**
 * Runs a scenario again and again in simulated worlds: a broker, workers, and clients in one thread on virtual time, under
 * faults that the seed draws. After each schedule it must hold that every message that was confirmed has an outcome, or is
 * in the dead letters; that no outcome came of a message that nobody sent; that no task was started once its outcome was
 * stored and all its messages acknowledged; that everybody who waits for an outcome heard of it, unless their connection
 * was lost meanwhile; that where no worker ended and no connection was lost no task was started more often than it was sent;
 * that nothing hangs; and what `invariants` and `state` say.
 *
 * Of the first schedule that fails, the fewest strikes of faults are sought that make it fail.
 * @throws LovageError `SIMULATION_FAILED`, with the seed and the strikes that repeat it, and its trace
 */
export async function simulate<Made extends MadeApp>(options: SimulateOptions<Made>): Promise<Simulation> {
  if (typeof options.app === 'function') return run(options)
  const close = openStage()
  try {
    return await run(options)
  } finally {
    close()
  }
}

async function run<Made extends MadeApp>(options: SimulateOptions<Made>): Promise<Simulation> {
  const { schedules = 100, strikes } = options
  const seed = options.seed ?? Math.floor(systemClock.random() * 2 ** 31)
  const sum = { seed, schedules, steps: 0, tasks: 0, starts: 0, faults: {} as Record<FaultName, number> }
  for (let at = 0; at < schedules; at++) {
    const { ledger, timeline, kit } = await runSchedule(options, { seed: seed + at, strikes })
    if (ledger.problem !== undefined) throw await report(options, seed + at, ledger.problem)
    sum.steps += timeline.steps
    for (const { starts } of ledger.tasks.values()) {
      sum.tasks++
      sum.starts += starts
    }
    for (const [name, count] of Object.entries(kit.struck) as [FaultName, number][]) {
      sum.faults[name] = (sum.faults[name] ?? 0) + count
    }
  }
  return sum
}
