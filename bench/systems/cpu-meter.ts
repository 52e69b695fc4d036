import type { Figure } from '../case.ts'
import { cpuOf } from '../cpu.ts'
import { median } from '../side-by-side.ts'

/** CPU time that a contender takes for each task, here and there, by rounds. */
export class CpuMeter {
  readonly #server: () => readonly number[]
  readonly #taken = new Map<string, { ours: number; server: number }[]>()

  /** @param server the processes of the server that all contenders use */
  constructor(server: () => readonly number[]) {
    this.#server = server
  }

  /** Runs `work`, which handles `count` tasks, and adds what `pids` and the server took meanwhile. */
  async measure<T>(name: string, count: number, pids: () => readonly number[], work: () => Promise<T>): Promise<T> {
    const [ours, server] = [cpuOf(pids()), cpuOf(this.#server())]
    const result = await work()
    this.add(name, (cpuOf(pids()) - ours) / count, (cpuOf(this.#server()) - server) / count)
    return result
  }

  /** Microseconds a task. */
  add(name: string, ours: number, server: number): void {
    const rounds = this.#taken.get(name) ?? []
    rounds.push({ ours, server })
    this.#taken.set(name, rounds)
  }

  /** What was taken since the last call. */
  figures(what: string): Figure[] {
    const figures = [...this.#taken].map(([name, rounds]) => {
      // The first round warms up.
      const warm = rounds.length > 1 ? rounds.slice(1) : rounds
      const note = `and ${median(warm.map(({ server }) => server)).toFixed(0)} µs in the server`
      return { what: `${what}, ${name}, CPU a task`, value: median(warm.map(({ ours }) => ours)), unit: 'µs', note }
    })
    this.#taken.clear()
    return figures.filter(({ value }) => Number.isFinite(value))
  }
}
