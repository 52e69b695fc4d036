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

/** How one kind of worker is started. */
export interface Breed {
  start(): Child
  /** The line by which it says that it runs. */
  readonly ready: RegExp
}

/** A Lovage worker of this pool. */
export function lovageBreed({ broker, backend, queue }: Place, pool = 'async'): Breed {
  const env = { LOVAGE_BROKER_URL: broker, LOVAGE_RESULT_BACKEND: backend, QUEUE: queue, POOL: pool }
  const args = ['scripts/run-ts.mjs', 'test/chaos/rolling/worker-process.ts']
  return { start: () => startChild(process.execPath, args, { cwd: ROOT, env, name: 'worker' }), ready: /^ready$/ }
}

/** Worker processes that are replaced when they end. */
export class Fleet {
  readonly #breeds: readonly Breed[]
  readonly #living: { readonly child: Child; readonly breed: Breed }[] = []
  readonly #starting = new Set<Promise<void>>()
  readonly #all: Child[] = []

  constructor(...breeds: readonly Breed[]) {
    this.#breeds = breeds
  }

  /** Lines of all workers there were. */
  get lines(): string[] {
    return this.#all.flatMap(({ lines }) => lines)
  }

  /** Starts so many of each kind. */
  async start(count = 1): Promise<void> {
    await Promise.all(this.#breeds.flatMap((breed) => Array.from({ length: count }, () => this.#begin(breed))))
  }

  /** Stops the oldest warmly and starts another in its place. */
  async restart(): Promise<void> {
    const oldest = this.#living.shift()
    if (!oldest) throw new Error('there is no worker')
    const { child, breed } = oldest
    child.signal('SIGTERM')
    const [{ code }] = await Promise.all([child.ended({ timeoutMs: PATIENCE_MS }), this.#begin(breed)])
    if (code !== 0)
      throw new Error(`a worker that was told to stop ended with code ${code}:\n${child.lines.slice(-5).join('\n')}`)
  }

  /**
   * Kills one (of this kind, if it is given), and starts another in its place, which is not waited for as long as there is
   * one left of its kind. `draw` is from 0 to 1.
   */
  async kill(draw: number, kind?: Breed): Promise<void> {
    const victims = (): number[] => {
      const breeds = this.#living.map(({ breed }) => breed)
      const isSpare = (breed: Breed): boolean => breeds.filter((one) => one === breed).length > 1
      return [...breeds.entries()].flatMap(([i, breed]) => ((!kind || breed === kind) && isSpare(breed) ? [i] : []))
    }
    while (victims().length === 0) await Promise.race(this.#starting)
    const among = victims()
    const [victim] = this.#living.splice(among[Math.floor(draw * among.length)] ?? 0, 1)
    if (!victim) throw new Error('there is no worker')
    const starting = this.#begin(victim.breed).finally(() => this.#starting.delete(starting))
    // Awaited with the next kill, or at the end; until then its failure is not nobody's.
    starting.catch(() => {})
    this.#starting.add(starting)
    await victim.child.kill()
  }

  /** Kills a child process of one of the workers, if there is one. */
  killChild(draw: number): boolean {
    const pids = this.#living.flatMap(({ child }) => childrenOf(child.pid))
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
    await Promise.all(this.#living.map(({ child }) => child.kill()))
  }

  async #begin(breed: Breed): Promise<void> {
    const child = breed.start()
    this.#all.push(child)
    await child.line(breed.ready, { timeoutMs: PATIENCE_MS })
    this.#living.push({ child, breed })
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
