import type { Timer } from '../base/clock.ts'
import { faultError } from './faults.ts'
import { isStopped } from './states.ts'
import type { Subprocess } from './subprocess.ts'
import type { Supervisor } from './supervisor.ts'

interface Waiting {
  /** Whoever asked for it, waiting for what comes of it; undefined: it is to start by itself, however late. */
  readonly asked: { resolve(): void; reject(error: unknown): void } | undefined
  late: Timer
}

/** After so long the log says whom a process still waits for. */
const LATE_MS = 60_000

/** The processes that are to start when what they depend on is ready. */
export class WaitingStarts {
  readonly #supervisor: Supervisor
  readonly #waiting = new Map<Subprocess, Waiting>()

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
  }

  has(process: Subprocess): boolean {
    return this.#waiting.has(process)
  }

  /** What keeps it from being started, for people: `db (STOPPED)`; '': nothing. */
  missing(process: Subprocess): string {
    const missing = this.#dependencies(process).filter(({ found }) => !found?.isReady)
    return missing.map(({ word, found }) => this.#describe(word, found)).join(', ')
  }

  /** Starts it as soon as all that it depends on is ready, however late that is. */
  begin(process: Subprocess): void {
    if (this.has(process)) return
    if (this.missing(process) === '') return process.apply({ type: 'start' })
    this.#wait(process, undefined)
  }

  /**
   * Resolves when it may be started.
   * @throws LovageError `SUPERVISOR_FAULT` FAILED when something that it depends on does not run and is not about to, or
   * is not ready within its readywaitsecs,
   * ABNORMAL_TERMINATION when it was told to stop meanwhile
   */
  async until(process: Subprocess): Promise<void> {
    const before = this.#waiting.get(process)
    // Whoever asks is told what comes of it; who would have waited in silence need not any more.
    if (before?.asked) throw faultError('ALREADY_STARTED', process.fullName)
    if (before) this.#take(process)
    if (this.missing(process) === '') return
    await new Promise<void>((resolve, reject) => {
      this.#wait(process, { resolve, reject })
      this.look()
    })
  }

  /** It is not to be started any more; false: it was not about to. */
  cancel(process: Subprocess): boolean {
    const waiting = this.#take(process)
    if (!waiting) return false
    waiting.asked?.reject(faultError('ABNORMAL_TERMINATION', process.fullName))
    // Others may wait for it.
    this.look()
    return true
  }

  cancelAll(): void {
    for (const process of this.#waiting.keys()) this.cancel(process)
  }

  /** Something has changed that somebody may wait for. */
  look(): void {
    for (const [process, { asked }] of this.#waiting) {
      const missing = this.#dependencies(process).filter(({ found }) => !found?.isReady)
      if (missing.length === 0) {
        this.#take(process)
        if (asked) asked.resolve()
        else process.apply({ type: 'start' })
        continue
      }
      const lost = asked && missing.find(({ found }) => !found || this.#isIdle(found))
      if (!lost) continue
      this.#take(process)
      const what = `${process.fullName} depends on ${this.#describe(lost.word, lost.found)}`
      asked.reject(faultError('FAILED', `${what}: start that first`))
    }
  }

  #take(process: Subprocess): Waiting | undefined {
    const waiting = this.#waiting.get(process)
    waiting?.late.cancel()
    this.#waiting.delete(process)
    return waiting
  }

  #wait(process: Subprocess, asked: Waiting['asked']): void {
    const { clock, log } = this.#supervisor
    log.write('info', `${process.fullName} waits for ${this.missing(process)}`)
    const tellLate = (): void =>
      log.write('warn', `${process.fullName} is not started yet: it waits for ${this.missing(process)}`)
    const late = asked ? this.#patience(process) : clock.after(LATE_MS, tellLate)
    this.#waiting.set(process, { asked, late })
  }

  /** Whoever has asked for it does not wait for ever for what it depends on. */
  #patience(process: Subprocess): Timer {
    const { clock } = this.#supervisor
    const seconds = this.#dependencies(process).map(({ found }) => found?.config.readywaitsecs ?? 0)
    return clock.after(Math.max(1, ...seconds) * 1_000, () => {
      const waiting = this.#waiting.get(process)
      if (!waiting) return
      const lost = this.#dependencies(process).find(({ found }) => !found?.isReady && !(found && this.#mayCome(found)))
      if (!lost) {
        waiting.late = this.#patience(process)
        return
      }
      this.#take(process)
      const what = `${process.fullName} waits too long for ${this.#describe(lost.word, lost.found)}`
      waiting.asked?.reject(faultError('FAILED', what))
      // Others may wait for it.
      this.look()
    })
  }

  /** It has not been up for as long as it may need, or waits itself with somebody who is not told to wait for ever. */
  #mayCome(process: Subprocess): boolean {
    const waiting = this.#waiting.get(process)
    if (waiting) return waiting.asked !== undefined
    const { state, startedMs } = process.status
    const isUp = state === 'STARTING' || state === 'RUNNING'
    return isUp && this.#supervisor.clock.monotonic() < startedMs + process.config.readywaitsecs * 1_000
  }

  /** It does not run, and nothing will make it. */
  #isIdle(process: Subprocess): boolean {
    return isStopped(process.status.state) && process.status.dueMs === undefined && !this.has(process)
  }

  #describe(word: string, found: Subprocess | undefined): string {
    if (!found) return `${word} (not there)`
    const { state } = found.status
    return `${found.fullName} (${state === 'RUNNING' ? 'not ready' : this.has(found) ? 'waits itself' : state})`
  }

  #dependencies({ config }: Subprocess): { word: string; found: Subprocess | undefined }[] {
    return config.dependsOn.flatMap((word) => {
      const all: readonly (Subprocess | undefined)[] = this.#supervisor.named(word)
      return (all.length > 0 ? all : [undefined]).map((found) => ({ word, found }))
    })
  }
}
