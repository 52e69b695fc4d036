import { currentTaskIfAny } from '../app/current-task.ts'
import { systemClock } from '../base/clock.ts'
import { type LagFigures, lagFigures, LagMeter } from '../base/lag.ts'
import { STALL_BYTES, type StalledTask, StallMarks } from './stall.ts'
import { WHO_RUNS } from './stall-follow.ts'

/** The event loop of this thread: how late it is, and what runs on it, where others can see it. */
export class WatchedLoop {
  readonly marks: StallMarks
  protected readonly buffer: SharedArrayBuffer
  readonly #meter: LagMeter
  #isOn = false

  /** @param buffer of `STALL_BYTES`, where somebody in another thread looks */
  constructor(buffer = new SharedArrayBuffer(STALL_BYTES)) {
    this.buffer = buffer
    this.marks = new StallMarks(buffer)
    this.#meter = new LagMeter(systemClock, buffer)
  }

  /** How late the loop was in the last minute; undefined before its first beat. */
  get lag(): LagFigures | undefined {
    return lagFigures(this.buffer)
  }

  /** False: it was on. */
  start(): boolean {
    if (this.#isOn) return false
    this.#isOn = true
    this.#meter.start()
    tellWhoRuns()
    return true
  }

  stop(): void {
    this.#isOn = false
    this.#meter.stop()
  }
}

/** Lets the inspector ask which task is on the stack. */
function tellWhoRuns(): void {
  const whoRuns = (): StalledTask | null => {
    const current = currentTaskIfAny()
    return current ? { task: current.name, id: current.id } : null
  }
  Object.defineProperty(globalThis, WHO_RUNS, { value: whoRuns, configurable: true, writable: true })
}
