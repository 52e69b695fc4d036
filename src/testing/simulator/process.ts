import type { App } from '../../app/app.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import type { FaultKit } from './faults.ts'
import { type Place, runAt } from './stage.ts'
import type { Timeline } from './timeline.ts'

/** What can befall a process at one of its steps. */
export type Blow = 'crash' | 'stop'

/** Longest stand-still. */
const STALL_MS = 3_000

/**
 * One process of a simulated world. It lives in the same thread as all others, but it has timers of its own, everything it
 * waits for reaches it through here, and once it is dead nothing does.
 */
export class SimulatedProcess {
  readonly name: string
  /** Its time, which ends with it. */
  readonly clock: Clock
  readonly #timeline: Timeline
  readonly #kit: FaultKit
  readonly #onBlow: ((blow: Blow) => void) | undefined
  #isAlive = true
  #diedAlone = false
  #stalledUntilMs = 0
  readonly #onDeath: (() => void)[] = []
  #place: Place | undefined

  /** @param onBlow what it does to it; without, nothing befalls it */
  constructor(name: string, timeline: Timeline, kit: FaultKit, onBlow?: (blow: Blow) => void) {
    this.name = name
    this.#timeline = timeline
    this.#kit = kit
    this.#onBlow = onBlow
    this.clock = {
      now: () => timeline.now(),
      monotonic: () => timeline.monotonic(),
      random: timeline.random,
      uuid: () => timeline.uuid(),
      after: (ms, fn) => timeline.after(ms, () => this.run(fn)),
      turn: (fn) => timeline.turn(() => this.run(fn)),
    }
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** Calls `fn` when it dies, at once when it is dead. */
  onDeath(fn: () => void): void {
    if (this.#isAlive) this.#onDeath.push(fn)
    else fn()
  }

  /** It died, and its machine lives. Else either may be. */
  get diedAlone(): boolean {
    return this.#diedAlone
  }

  /** Ends it, as `kill -9` does: nothing in it goes on. */
  kill(isAlone = false): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    this.#diedAlone = isAlone
    for (const fn of this.#onDeath.splice(0)) fn()
  }

  /** A step of it: something happens to it now, unless it is dead, dies here, or stands still. */
  run(fn: () => void): void {
    if (!this.#isAlive) return
    const timeline = this.#timeline
    if (timeline.monotonic() < this.#stalledUntilMs) return void timeline.at(this.#stalledUntilMs, () => this.run(fn))
    if (this.#onBlow) {
      if (this.#kit.strikes('crash', this.name)) return this.#onBlow('crash')
      if (this.#kit.strikes('stop', this.name)) this.#onBlow('stop')
    }
    if (this.#kit.strikes('stall', this.name)) {
      this.#stalledUntilMs = timeline.monotonic() + this.#kit.between(1, STALL_MS)
      return void timeline.at(this.#stalledUntilMs, () => this.run(fn))
    }
    this.within(fn)
  }

  /** What code that runs in it finds in the place of these applications. */
  enter(apps: ReadonlyMap<App, App>): void {
    this.#place = { clock: this.clock, apps }
  }

  /** Calls `fn` as code of this process, without a step. */
  within<T>(fn: () => T): T {
    return this.#place ? runAt(this.#place, fn) : fn()
  }

  /** A step of it at a point of time of the world's. */
  at(atMs: number, fn: () => void): Timer {
    return this.#timeline.at(atMs, () => this.run(fn))
  }

  /** When something that sets out now comes here: a little later, or much later. */
  arrivalMs(): number {
    return this.#timeline.monotonic() + this.#kit.delayMs(this.name)
  }

  /** Resolves a little later, or much later; never once it is dead. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.at(this.arrivalMs(), resolve))
  }

  /** As the promise, but a little later, or much later; never once it is dead. */
  gate<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      promise.then(
        (value) => this.at(this.arrivalMs(), () => resolve(value)),
        (error: unknown) => this.at(this.arrivalMs(), () => reject(error as Error)),
      )
    })
  }
}
