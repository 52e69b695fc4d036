import type { Figure } from '../case.ts'
import { cpuOf, memoryOf } from '../cpu.ts'
import { median } from '../side-by-side.ts'

/** What one round took: CPU microseconds a task, and MiB. */
interface Taken {
  readonly ours: number
  readonly server: number
  readonly memory: number
}

/** CPU time that a contender takes for each task, here and there, and the memory that it has, by rounds. */
export class CpuMeter {
  readonly #server: () => readonly number[]
  readonly #taken = new Map<string, Taken[]>()

  /** @param server the processes of the server that all contenders use */
  constructor(server: () => readonly number[] = () => []) {
    this.#server = server
  }

  /** CPU time of that server so far, in microseconds; NaN where there is none. */
  serverCpu(): number {
    return this.#server().length > 0 ? cpuOf(this.#server()) : NaN
  }

  /**
   * Runs `work`, which handles `count` tasks, and adds what `pids` and the server took meanwhile. Memory is that of `pids`
   * when it has ended; of a process that contenders share there is none to tell.
   */
  measure<T>(name: string, count: number, pids: () => readonly number[], work: () => Promise<T>): Promise<T> {
    return this.measureBy(name, pids, work, () => count)
  }

  /** The same where how many tasks they were is known when all is done. */
  async measureBy<T>(
    name: string,
    pids: () => readonly number[],
    work: () => Promise<T>,
    countOf: (result: T) => number,
  ): Promise<T> {
    const [ours, server] = [cpuOf(pids()), this.serverCpu()]
    const result = await work()
    const count = countOf(result)
    const memory = pids().includes(process.pid) ? NaN : memoryOf(pids())
    this.add(name, (cpuOf(pids()) - ours) / count, (this.serverCpu() - server) / count, memory)
    return result
  }

  /** Microseconds a task, and MiB. */
  add(name: string, ours: number, server: number, memory = NaN): void {
    const rounds = this.#taken.get(name) ?? []
    rounds.push({ ours, server, memory })
    this.#taken.set(name, rounds)
  }

  /** Drops what was taken, e.g. while all warmed up. */
  forget(): void {
    this.#taken.clear()
  }

  /** The medians of what was taken of one contender since the last `forget()`; only what is known. */
  of(name: string): Pick<Figure, 'cpuMicros' | 'serverCpuMicros' | 'memoryMiB'> {
    const rounds = this.#taken.get(name) ?? []
    const middle = (of: (taken: Taken) => number): number => (rounds.length > 0 ? median(rounds.map(of)) : NaN)
    const known = {
      cpuMicros: middle(({ ours }) => ours),
      serverCpuMicros: middle(({ server }) => server),
      memoryMiB: middle(({ memory }) => memory),
    }
    return Object.fromEntries(Object.entries(known).filter(([, value]) => Number.isFinite(value)))
  }
}
