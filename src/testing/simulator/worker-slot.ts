import type { App } from '../../app/app.ts'
import { messageOf } from '../../base/errors.ts'
import { worker, type Worker, type WorkerOptions } from '../../worker/worker.ts'
import type { FaultKit } from './faults.ts'
import { type Blow, SimulatedProcess } from './process.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** What a worker stands on. */
export interface Grounds {
  readonly timeline: Timeline
  readonly kit: FaultKit
  readonly trace: Trace
  readonly options: Omit<WorkerOptions, 'hostname'>
  /** Makes the application of a process. */
  readonly settle: (process: SimulatedProcess, die: () => void) => App
  /** Told that a worker dies, or is stopped. */
  readonly onTrouble: () => void
}

/** Longest time until a worker that died is there again. */
const AGAIN_MS = 3_000

/** The place of one worker: when it dies, or has stopped, another process takes it. */
export class WorkerSlot {
  readonly name: string
  readonly #grounds: Grounds
  #life = 0
  #now: { process: SimulatedProcess; app: App; worker: Worker; isStopping: boolean } | undefined
  #isEnded = false

  constructor(name: string, grounds: Grounds) {
    this.name = name
    this.#grounds = grounds
  }

  get isRunning(): boolean {
    return this.#now?.worker.state === 'running' && !this.#now.isStopping
  }

  /** Starts a worker here. */
  start(): void {
    if (this.#now || this.#isEnded) return
    const { timeline, kit, settle, options, trace } = this.#grounds
    const name = `${this.name}.${++this.#life}`
    const process = new SimulatedProcess(name, timeline, kit, (blow) => this.#suffer(blow))
    const app = settle(process, () => {
      if (this.#now?.process === process) this.crash(true)
    })
    const hostname = `${this.name}@simulated`
    // Heartbeats tell of the machine, whose load is never the same, and would keep the network from being idle.
    const given = { heartbeatInterval: 0, remoteControl: false, ...options, hostname }
    const running = process.within(() => worker(app, given, { clock: process.clock }))
    this.#now = { process, app, worker: running, isStopping: false }
    trace.add(name, 'begins')
    process
      .within(() => running.start())
      .catch((error: unknown) => {
        trace.add(name, `could not start: ${messageOf(error)}`)
        if (this.#now?.process === process) this.crash()
      })
  }

  /** Kills the worker; another comes after a while. */
  crash(isAlone = false): void {
    const now = this.#now
    if (!now) return
    this.#now = undefined
    this.#grounds.onTrouble()
    this.#grounds.trace.add(now.process.name, 'dies')
    now.process.kill(isAlone)
    this.#again()
  }

  /** Stops the worker, warmly; another comes after a while. */
  async stop(): Promise<void> {
    const now = this.#now
    if (!now || now.isStopping) return
    now.isStopping = true
    this.#grounds.onTrouble()
    this.#grounds.trace.add(now.process.name, 'is told to stop')
    await now.process.within(async () => {
      await now.worker.stop()
      await now.app.close()
    })
    if (this.#now !== now) return
    this.#grounds.trace.add(now.process.name, 'has stopped')
    this.#now = undefined
    now.process.kill()
    this.#again()
  }

  /** No worker comes here any more. */
  end(): void {
    this.#isEnded = true
  }

  #suffer(blow: Blow): void {
    if (blow === 'crash') this.crash()
    else this.stop().catch(() => this.crash())
  }

  #again(): void {
    const { timeline, kit } = this.#grounds
    timeline.at(timeline.monotonic() + kit.between(10, AGAIN_MS), () => this.start())
  }
}
