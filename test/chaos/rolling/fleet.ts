import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from '../../services/child.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** Longest time for a worker to start or to stop, on a machine with much else to do. */
const PATIENCE_MS = 120_000

/** Where messages and results wait. */
export interface Place {
  readonly broker: string
  readonly backend: string
  readonly queue: string
}

/** Worker processes that are replaced when they end. */
export class Fleet {
  readonly #place: Place
  readonly #pool: string
  readonly #living: Child[] = []
  readonly #starting = new Set<Promise<void>>()
  readonly #all: Child[] = []

  constructor(place: Place, pool = 'async') {
    this.#place = place
    this.#pool = pool
  }

  /** Lines of all workers there were. */
  get lines(): string[] {
    return this.#all.flatMap(({ lines }) => lines)
  }

  async start(count = 1): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#begin()))
  }

  /** Stops the oldest warmly and starts another in its place. */
  async restart(): Promise<void> {
    const oldest = this.#living.shift()
    if (!oldest) throw new Error('there is no worker')
    oldest.signal('SIGTERM')
    const [{ code }] = await Promise.all([oldest.ended({ timeoutMs: PATIENCE_MS }), this.#begin()])
    if (code !== 0)
      throw new Error(`a worker that was told to stop ended with code ${code}:\n${oldest.lines.slice(-5).join('\n')}`)
  }

  /** Kills one, and starts another in its place, which is not waited for as long as there is one left. `draw` is from 0 to 1. */
  async kill(draw: number): Promise<void> {
    while (this.#living.length < 2) await Promise.race(this.#starting)
    const [victim] = this.#living.splice(Math.floor(draw * this.#living.length), 1)
    const starting = this.#begin().finally(() => this.#starting.delete(starting))
    // Awaited with the next kill, or at the end; until then its failure is not nobody's.
    starting.catch(() => {})
    this.#starting.add(starting)
    await victim?.kill()
  }

  /** Kills a child process of one of the workers, if there is one. */
  killChild(draw: number): boolean {
    const pids = this.#living.flatMap(({ pid }) => childrenOf(pid))
    const pid = pids[Math.floor(draw * pids.length)]
    if (pid === undefined) return false
    try {
      process.kill(pid, 'SIGKILL')
      return true
    } catch {
      // It has ended meanwhile.
      return false
    }
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#starting)
    await Promise.all(this.#living.map((one) => one.kill()))
  }

  async #begin(): Promise<void> {
    const { broker, backend, queue } = this.#place
    const env = { LOVAGE_BROKER_URL: broker, LOVAGE_RESULT_BACKEND: backend, QUEUE: queue, POOL: this.#pool }
    const args = ['scripts/run-ts.mjs', 'test/chaos/rolling/worker-process.ts']
    const child = startChild(process.execPath, args, { cwd: ROOT, env, name: 'worker' })
    this.#all.push(child)
    await child.line('ready', { timeoutMs: PATIENCE_MS })
    this.#living.push(child)
  }
}

function childrenOf(pid: number | undefined): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.trim().split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
