import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { every, type Ledger, openLedger } from '../../../src/beat/beat.ts'
import { currentTask, lovage } from '../../../src/index.ts'
import { worker } from '../../../src/worker/worker.ts'
import { type Child, startChild } from '../../services/child.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** Longest wait for anything, on a machine with much else to do. */
const PATIENCE_MS = 120_000

/** Where messages, results and the ledger are. */
export interface BeatPlace {
  readonly broker: string
  readonly backend: string
  readonly store: string
}

export interface BeatRound {
  /** Ticks to be sent at least, of all entries. */
  readonly ticks: number
  readonly entries: number
  /** Between two ticks of an entry. */
  readonly everyMs: number
  readonly beats: number
  /** How long an entry belongs to the beat that has taken it. */
  readonly leaseMs: number
  /** Between two faults: a beat is killed and another started, or one is halted for longer than its lease. */
  readonly faultEveryMs: number
  readonly random: () => number
}

export interface BeatVerdict {
  /** Ticks that came due. */
  readonly ticks: number
  /** Ticks that no worker has run. */
  readonly missing: number
  /** Ticks that were run more than once. */
  readonly twice: number
  /** Runs that are of no tick. */
  readonly strangers: number
  /** Messages of ticks that were there already, and were not run. */
  readonly droppedCopies: number
  readonly kills: number
  readonly halts: number
  readonly latestMs: number
}

/** Real beat processes are killed and halted at random while entries come due; one worker counts what comes of it. */
export async function hurtBeats(place: BeatPlace, round: BeatRound): Promise<BeatVerdict> {
  const { broker, backend, store } = place
  const env = { LOVAGE_BROKER_URL: broker, LOVAGE_RESULT_BACKEND: backend, LOVAGE_STORE: store }
  const app = lovage('beats', { publishTimeout: '20s', connectTimeout: '60s' }, { env })
  const runs = new Map<string, number>()
  const tick = app.task('beats.tick', { ignoreResult: true }, () => {
    const { id } = currentTask()
    runs.set(id, (runs.get(id) ?? 0) + 1)
  })
  const counter = worker(app, { concurrency: 50 })
  const crew = new Crew({ ...env, LEASE: String(round.leaseMs) })
  try {
    await counter.start()
    const ledger = await openLedger(app)
    const begins = new Map<string, number>()
    for (let nth = 0; nth < round.entries; nth++) {
      const { name, state } = await ledger.put(`entry ${nth}`, every(round.everyMs, tick.s(), { missed: 'all' }))
      begins.set(name, state.cursorMs)
    }
    await crew.start(round.beats)
    let [kills, halts] = [0, 0]
    while ((await decided(ledger, begins, round.everyMs)) < round.ticks) {
      await sleep(round.faultEveryMs * (0.5 + round.random()))
      if (round.random() < 0.4) kills += await crew.kill(round.random)
      else halts += crew.halt(round.random, round.leaseMs * (1.2 + round.random()))
    }
    await crew.goOn()
    const untilMs = await ledger.now()
    await until(async () => (await ledger.all()).every(({ state }) => state.cursorMs >= untilMs), 'all entries to come')
    await crew.stop()
    const expected = await expectedIds(ledger, begins, round.everyMs)
    await until(() => [...expected].every((id) => runs.has(id)), 'all ticks to be run', 20_000).catch(() => {})
    return {
      ticks: expected.size,
      missing: [...expected].filter((id) => !runs.has(id)).length,
      twice: [...runs.values()].filter((count) => count > 1).length,
      strangers: [...runs.keys()].filter((id) => !expected.has(id)).length,
      droppedCopies: counter.stats().duplicates,
      kills,
      halts,
      latestMs: Math.max(...crew.lines.map((line) => Number(/"lateMs":(\d+)/.exec(line)?.[1] ?? 0))),
    }
  } finally {
    await crew.end()
    await counter.stop('cold')
    await app.close()
  }
}

/** How many ticks have been decided so far. */
async function decided(ledger: Ledger, begins: ReadonlyMap<string, number>, everyMs: number): Promise<number> {
  const entries = await ledger.all()
  const count = (from: number, to: number): number => Math.floor(to / everyMs) - Math.floor(from / everyMs)
  return entries.reduce((sum, { name, state }) => sum + count(begins.get(name) ?? 0, state.cursorMs), 0)
}

async function expectedIds(
  ledger: Ledger,
  begins: ReadonlyMap<string, number>,
  everyMs: number,
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  for (const { name, state } of await ledger.all()) {
    const first = (Math.floor((begins.get(name) ?? 0) / everyMs) + 1) * everyMs
    for (let dueMs = first; dueMs <= state.cursorMs; dueMs += everyMs) ids.add(ledger.idsOf(name, `0 ${dueMs}`)())
  }
  return ids
}

/** The beats. */
class Crew {
  readonly #env: Record<string, string>
  readonly #all: Child[] = []
  #living: Child[] = []
  readonly #starting: Promise<void>[] = []
  /** Those that are halted, with what has them go on. */
  readonly #halted = new Map<Child, NodeJS.Timeout>()

  constructor(env: Record<string, string>) {
    this.#env = env
  }

  get lines(): string[] {
    return this.#all.flatMap(({ lines }) => lines)
  }

  async start(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#begin()))
  }

  /** At once, halted or not; another takes its place as soon as it has started. Gives how many. */
  async kill(random: () => number): Promise<number> {
    const [child] = this.#living.splice(Math.floor(random() * this.#living.length), 1)
    if (!child) return 0
    clearTimeout(this.#halted.get(child))
    this.#halted.delete(child)
    await child.kill()
    const starting = this.#begin()
    this.#starting.push(starting)
    // Heard of when the faults are over.
    starting.catch(() => {})
    return 1
  }

  /** Gives how many. */
  halt(random: () => number, ms: number): number {
    const child = this.#living[Math.floor(random() * this.#living.length)]
    if (!child || this.#halted.has(child)) return 0
    child.signal('SIGSTOP')
    this.#halted.set(
      child,
      setTimeout(() => this.#wake(child), ms),
    )
    return 1
  }

  /** Nobody is halted any more, and those that were to start have. */
  async goOn(): Promise<void> {
    for (const child of [...this.#halted.keys()]) this.#wake(child)
    await Promise.all(this.#starting)
  }

  async stop(): Promise<void> {
    for (const child of this.#living.splice(0)) {
      child.signal('SIGTERM')
      const { code } = await child.ended({ timeoutMs: PATIENCE_MS })
      if (code !== 0) throw new Error(`a beat that was told to stop ended with code ${code}:\n${child.tail()}`)
    }
  }

  async end(): Promise<void> {
    for (const timer of this.#halted.values()) clearTimeout(timer)
    await Promise.all(this.#all.map((child) => child.kill()))
  }

  async #begin(): Promise<void> {
    const args = ['scripts/run-ts.mjs', 'test/chaos/beats/beat-process.ts']
    const child = startChild(process.execPath, args, { cwd: ROOT, env: this.#env, name: 'beat' })
    this.#all.push(child)
    await child.line(/^ready$/, { timeoutMs: PATIENCE_MS })
    this.#living.push(child)
  }

  #wake(child: Child): void {
    clearTimeout(this.#halted.get(child))
    this.#halted.delete(child)
    child.signal('SIGCONT')
  }
}

async function until(holds: () => boolean | Promise<boolean>, what: string, patienceMs = PATIENCE_MS): Promise<void> {
  for (const endMs = performance.now() + patienceMs; !(await holds());) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`)
    await sleep(50)
  }
}
