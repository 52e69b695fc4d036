import type { ChildProcess } from 'node:child_process'
import { cpuOf, memoryOf } from '../cpu.ts'
import { startPeerWith, stopPeer } from '../side-by-side.ts'
import type { CpuMeter } from './cpu-meter.ts'

/** What one of the processes in bench/peers that `serve` has been asked for. */
interface Answer {
  readonly ms?: number
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
  /** CPU time of its server so far, in microseconds. */
  readonly serverCpu?: () => number
  /** Has it end together with the process. */
  readonly close?: () => Promise<unknown>
}

/** A process that sends tasks and runs them, and says what that took. */
export class QueueUser {
  readonly #child: ChildProcess
  readonly #options: QueueUserOptions

  private constructor(child: ChildProcess, options: QueueUserOptions) {
    this.#child = child
    this.#options = options
  }

  static async start(options: QueueUserOptions): Promise<QueueUser> {
    const { child } = await startPeerWith(options.node ?? process.execPath, options.peer, ...options.args)
    return new QueueUser(child, options)
  }

  /** Tasks a second, sent with so many on their way at a time; then drops them, and has them counted. */
  async sends(count: number, window: number, meter: CpuMeter, name: string): Promise<number> {
    const { ms = NaN } = await this.#measured(meter, name, count, { send: count, window })
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

  async close(): Promise<void> {
    await stopPeer(this.#child)
    await this.#options.close?.()
  }

  async #measured(meter: CpuMeter, name: string, count: number, message: object): Promise<Answer> {
    const pids = [this.#child.pid as number]
    const { serverCpu = () => NaN } = this.#options
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
