import type { ChildProcess } from 'node:child_process'
import { startPeer, stopPeer } from '../side-by-side.ts'

/** Longest wait for what a worker was asked for. */
const PATIENCE_MS = 180_000

/** What a worker has counted. */
export interface Counted {
  /** Different tasks that it has run. */
  readonly ran: number
  /** How often it ran one that it had run before. */
  readonly doubled: number
  /** Characters of text that its tasks were given. */
  readonly bytes: number
  /** When the first and the last of them began, in ms of the epoch. */
  readonly from: number
  readonly to: number
  /** Tasks that wait to be released. */
  readonly resting: number
  readonly rss: number
  readonly heapUsed: number
}

/** A worker of ours in a process of its own: bench/peers/task-worker.mjs, which says what its tasks are. */
export class TaskWorker {
  readonly pid: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid as number
  }

  /** Resolves when it reads its queues. */
  static async start(options: {
    broker: string
    queues: readonly string[]
    [option: string]: unknown
  }): Promise<TaskWorker> {
    return new TaskWorker((await startPeer('task-worker', JSON.stringify(options))).child)
  }

  /** Resolves when it has settled so many tasks since the last call of this. */
  async settled(count: number): Promise<void> {
    const told = this.#told((message) => 'done' in message)
    this.#child.send({ await: count })
    await told
  }

  /**
   * Resolves when so many different tasks are counted since the last {@link counted}, and as many settled. Tasks may be sent
   * before it has heard of this; those that are not counted, and those that come again, are none of them.
   */
  settledCounted(count: number): Promise<unknown> {
    const told = this.#told((message) => 'done' in message)
    // Who sends them may fail, and never come to wait for this.
    told.catch(() => {})
    this.#child.send({ awaitCounted: count })
    return told
  }

  /** What it has counted since the last call. */
  async counted(): Promise<Counted> {
    const told = this.#told((message) => 'ran' in message)
    this.#child.send({ stats: true })
    return (await told) as unknown as Counted
  }

  /** Its first `bench.mark` from now on that is `i`; resolves to when it ran, in ms of the epoch. */
  async marked(i: number): Promise<number> {
    return ((await this.#told((message) => 'mark' in message && message['mark'] === i)) as { at: number }).at
  }

  /** Has it end what it has begun and give back what it has not; resolves when all of that is settled. */
  async rest(): Promise<void> {
    const told = this.#told((message) => 'stopped' in message)
    this.#child.send({ stop: true })
    await told
  }

  /** Ends it at once. */
  stop(): Promise<void> {
    return stopPeer(this.#child)
  }

  #told(is: (message: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#child.off('message', listen)
        this.#child.off('exit', onExit)
      }
      const listen = (message: Record<string, unknown>): void => {
        if (!is(message)) return
        end()
        resolve(message)
      }
      const onExit = (code: number | null): void => {
        end()
        reject(new Error(`a worker of the bench ended with code ${code} while it was waited for`))
      }
      const timer = setTimeout(() => {
        end()
        reject(new Error(`a worker of the bench has not come to an end within ${PATIENCE_MS / 1_000} s`))
      }, PATIENCE_MS)
      this.#child.on('message', listen)
      this.#child.once('exit', onExit)
    })
  }
}
