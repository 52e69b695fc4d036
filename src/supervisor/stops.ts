import type { Timer } from '../base/clock.ts'
import { faultError } from './faults.ts'
import type { ProcessStatus } from './machine.ts'
import { isRunning, isStopped } from './states.ts'
import type { Subprocess } from './subprocess.ts'
import type { Supervisor } from './supervisor.ts'

const TELL_WAITING_MS = 3_000

/** Longest wait for a guard. */
const GUARD_MS = 60_000

/** It runs, or will by itself in a moment. */
export const isWanted = ({ state, dueMs }: ProcessStatus): boolean =>
  isRunning(state) || (state === 'EXITED' && dueMs !== undefined)

/** How processes are stopped: asked whether they may be, drained, then signalled. */
export class Stops {
  readonly #supervisor: Supervisor
  /** The last stop that a guard was asked about, up to the end of its process. */
  #guarded: Promise<unknown> = Promise.resolve()

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
  }

  /**
   * Begins to stop it: resolves when its guard allows it, and at once where it has none. Told twice, it is not drained to
   * the end.
   * @throws LovageError `SUPERVISOR_FAULT` FAILED when the guard refuses, or cannot be asked
   */
  async begin(process: Subprocess, force: boolean): Promise<{ ended: Promise<void> }> {
    const { stopGuard } = process.config
    if (stopGuard === null || force || process.isDraining || process.status.pid === 0) {
      return handled(this.#end(process))
    }
    // The guard of the next is to see that this one is gone: together they may be the last two.
    const allowed = this.#guarded.then(() => this.#ask(process, stopGuard)).then(() => handled(this.#end(process)))
    this.#guarded = allowed.then(({ ended }) => ended).catch(() => {})
    return allowed
  }

  async #ask(process: Subprocess, guard: string): Promise<void> {
    const isAsked = (): boolean => !this.#supervisor.isLeaving && process.status.state !== 'STOPPING'
    if (!isAsked()) return
    const { ok, said } = await process.ask(guard, GUARD_MS)
    if (ok || !isAsked()) return
    this.#supervisor.log.write('warn', `${process.fullName} is not stopped, its guard refuses: ${said}`)
    throw faultError('FAILED', `${process.fullName} is not stopped, its guard refuses: ${said}`)
  }

  async #end(process: Subprocess): Promise<void> {
    const drained = process.isDraining ? undefined : this.#drained(process)
    const why = drained && (await drained)
    if (why !== undefined) {
      this.#supervisor.log.write('warn', `${process.fullName} is stopped although it is not drained: ${why}`)
    }
    process.apply({ type: 'stop' })
    await process.until(({ state }) => isStopped(state))
  }

  /** Nothing is waited for where there is nothing to drain: signals of several are sent in one go. */
  #drained(process: Subprocess): Promise<string | undefined> | undefined {
    return process.config.drain === null ? undefined : process.drain()
  }
}

/** Not a promise itself, which whoever waits for would wait for its end. */
function handled(ended: Promise<void>): { ended: Promise<void> } {
  ended.catch(() => {})
  return { ended }
}

/** Stops it without asking anybody; what waits for its next start is given up. */
export async function endNow(process: Subprocess): Promise<void> {
  process.apply({ type: 'giveUp' })
  process.apply({ type: 'stop' })
  await process.until(({ state }) => isStopped(state))
}

/** Says again and again who is still waited for, until it is cancelled. */
export function tellWaiting({ clock, groups, log }: Pick<Supervisor, 'clock' | 'groups' | 'log'>): Timer {
  let timer: Timer | undefined
  const tell = (): void => {
    const names = [...groups.values()].flatMap(({ unstopped }) => unstopped.map(({ config }) => config.name))
    if (names.length > 0) log.write('info', `waiting for ${names.join(', ')} to die`)
    timer = clock.after(TELL_WAITING_MS, tell)
  }
  tell()
  return { cancel: () => timer?.cancel() }
}
