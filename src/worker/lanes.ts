import { type LagFigures, worstLag } from '../base/lag.ts'
import type { Pool, PoolKind } from '../pool/pool.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { Slots } from './slots.ts'
import type { Work } from './work.ts'

/** A pool, and who may start in it. */
export interface Lane {
  readonly pool: Pool
  readonly slots: Slots
}

/** All pools of a worker, each with slots of its own, so that those who wait for one do not stand in the way to another. */
export class Lanes {
  /** Where tasks run that name no pool. */
  readonly main: Lane
  readonly #lanes: readonly Lane[]
  readonly #byKind: ReadonlyMap<PoolKind, Lane>

  /** @param pools the first is where tasks run that name none */
  constructor(pools: readonly [Pool, ...Pool[]], launch: (work: Work) => void) {
    const laneOf = (pool: Pool): Lane => {
      const hasRoom = (starting: number): boolean => pool.running + starting < pool.size
      return { pool, slots: new Slots(hasRoom, launch) }
    }
    const [first, ...others] = pools
    this.main = laneOf(first)
    this.#lanes = [this.main, ...others.map(laneOf)]
    this.#byKind = new Map(this.#lanes.map((lane) => [lane.pool.kind, lane]))
  }

  /** The main one first. */
  get pools(): readonly Pool[] {
    return this.#lanes.map(({ pool }) => pool)
  }

  /** There is another pool beside the main one. */
  get areMany(): boolean {
    return this.#lanes.length > 1
  }

  /** Most tasks at once, over all pools. */
  get size(): number {
    return this.#sum(({ pool }) => pool.size)
  }

  get running(): number {
    return this.#sum(({ pool }) => pool.running)
  }

  get abandoned(): number {
    return this.#sum(({ pool }) => pool.abandoned)
  }

  /** Of the worst event loop. */
  get lag(): LagFigures | undefined {
    return worstLag(this.#lanes.map(({ pool }) => pool.lag))
  }

  /** Tasks that wait for a slot. */
  get waiting(): number {
    return this.#sum(({ slots }) => slots.waiting)
  }

  /** Slots in which nothing runs, or is about to. */
  get free(): number {
    return this.#sum(({ pool, slots }) => Math.max(0, pool.size - pool.running - slots.starting))
  }

  /** Where a task runs. */
  of({ task }: Work): Lane {
    const kind = task?.options.pool
    // One that was defined after the start may ask for a pool that is not there.
    return (kind && this.#byKind.get(kind)) ?? this.main
  }

  enter(work: Work): void {
    this.of(work).slots.enter(work)
  }

  /** Has the pools that can do so load the code of now. Which kinds did, and which cannot. */
  async reload(): Promise<{ reloaded: readonly PoolKind[]; kept: readonly PoolKind[] }> {
    const pools = this.#lanes.map(({ pool }) => pool)
    const [reloaded, kept] = [pools.filter((pool) => pool.reload), pools.filter((pool) => !pool.reload)]
    await Promise.all(reloaded.map(async (pool) => pool.reload?.()))
    return { reloaded: reloaded.map(({ kind }) => kind), kept: kept.map(({ kind }) => kind) }
  }

  /** Stops all and throws when one cannot start. */
  async start(): Promise<void> {
    try {
      for (const { pool } of this.#lanes) await pool.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#lanes.map(({ pool }) => pool.stop()))
  }

  /** Tells a task that runs to stop. */
  abort(work: Work, reason: Error): void {
    if (work.job) this.of(work).pool.abort(work.job, reason)
  }

  /** Ends a task that runs with this outcome: see `Pool.end`. False: it does not run. */
  end(work: Work, outcome: Outcome, reason: Error): boolean {
    return work.job !== undefined && this.of(work).pool.end(work.job, outcome, reason)
  }

  /** Lets go of all that wait; nothing starts from now on. */
  close(): Work[] {
    return this.#lanes.flatMap(({ slots }) => slots.close())
  }

  #sum(part: (lane: Lane) => number): number {
    let sum = 0
    for (const lane of this.#lanes) sum += part(lane)
    return sum
  }
}
