import type { ChildProcess } from 'node:child_process'
import { cpuOf, memoryOf } from '../cpu.ts'
import { startPeerWith, stopPeer, type Contender } from '../side-by-side.ts'
import type { CpuMeter } from './cpu-meter.ts'

/** What one of the processes in bench/peers that `serve` has been asked for. */
interface Answer {
  readonly ms?: number
  readonly times?: readonly number[]
  readonly purged?: number
  readonly failed?: string
}

/** How one of them is started, and measured. */
export interface QueueUserOptions {
  /** Of bench/peers, without its ending. */
  readonly peer: string
  readonly args: readonly string[]
  /** The Node that it runs on; ours unless told. */
  readonly node?: string | undefined
  /** Other processes that this contender needs, and that are measured with it, e.g. its workers. */
  readonly others?: () => readonly number[]
  /** CPU time of a server that it alone uses so far, in microseconds. Default: that of the meter's. */
  readonly serverCpu?: () => number
  /** Has it end together with the process. */
  readonly close?: () => Promise<unknown>
}

/** Has each of the users do the same, by turns. */
export type Each = (measure: (user: QueueUser, name: string) => Promise<number>) => Record<string, Contender>

/** Starts them all, and ends them when `work` is over. */
export async function withUsers<T>(
  peers: Readonly<Record<string, QueueUserOptions>>,
  work: (each: Each, users: Readonly<Record<string, QueueUser>>) => Promise<T>,
): Promise<T> {
  const users: Record<string, QueueUser> = {}
  try {
    // In their order, which is the one they are told in.
    for (const [name, options] of Object.entries(peers)) users[name] = await QueueUser.start(options)
    const each: Each = (measure) =>
      Object.fromEntries(Object.entries(users).map(([name, user]) => [name, () => measure(user, name)]))
    return await work(each, users)
  } finally {
    for (const user of Object.values(users)) await user.close()
  }
}

/** A process that sends tasks, calls them or runs them, and says what that took. */
export class QueueUser {
  readonly #child: ChildProcess
  readonly #options: QueueUserOptions

  private constructor(child: ChildProcess, options: QueueUserOptions) {
    this.#child = child
    this.#options = options
  }

  static async start(options: QueueUserOptions): Promise<QueueUser> {
    try {
      const { child } = await startPeerWith(options.node ?? process.execPath, options.peer, ...options.args)
      return new QueueUser(child, options)
    } catch (error) {
      await options.close?.()
      throw error
    }
  }

  /** Tasks a second, sent with so many on their way at a time; then drops them, and has them counted. */
  async sends(count: number, window: number, meter: CpuMeter, name: string, how = ''): Promise<number> {
    const { ms = NaN } = await this.#measured(meter, name, count, { send: count, window, how })
    const { purged } = await this.#ask({ purge: true })
    if (purged !== count) throw new Error(`${name} has sent ${count} tasks, and ${purged} were there`)
    return (count / ms) * 1_000
  }

  /** Sends so many tasks and leaves them. */
  async fill(count: number): Promise<void> {
    await this.#ask({ send: count, window: 1_000 })
  }

  /** Tasks a second, run from a queue that holds exactly so many. */
  async drains(count: number, meter: CpuMeter, name: string, how = ''): Promise<number> {
    const { ms = NaN } = await this.#measured(meter, name, count, { drain: count, how })
    return (count / ms) * 1_000
  }

  /** Calls a second, so many of them in flight at a time, each answered; puts the milliseconds of each into `taken`. */
  async calls(count: number, window: number, meter: CpuMeter, name: string, taken?: number[]): Promise<number> {
    const { ms = NaN, times = [] } = await this.#measured(meter, name, count, { call: count, window })
    if (times.length !== count) throw new Error(`${name} has called ${count} times, and had ${times.length} answers`)
    taken?.push(...times)
    return (count / ms) * 1_000
  }

  async close(): Promise<void> {
    await stopPeer(this.#child)
    await this.#options.close?.()
  }

  async #measured(meter: CpuMeter, name: string, count: number, message: object): Promise<Answer> {
    const { others = () => [], serverCpu = () => meter.serverCpu() } = this.#options
    const pids = [this.#child.pid as number, ...others()]
    const [ours, server] = [cpuOf(pids), serverCpu()]
    const answer = await this.#ask(message)
    meter.add(name, (cpuOf(pids) - ours) / count, (serverCpu() - server) / count, memoryOf(pids))
    return answer
  }

  #ask(message: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void =>
        reject(new Error(`${this.#options.peer} ended with code ${code} while it was waited for`))
      this.#child.once('exit', onExit)
      this.#child.once('message', (answer: Answer) => {
        this.#child.off('exit', onExit)
        if (answer.failed === undefined) resolve(answer)
        else reject(new Error(`${this.#options.peer}: ${answer.failed}`))
      })
      this.#child.send(message)
    })
  }
}
