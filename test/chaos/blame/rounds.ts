import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type LogRecord, onLog } from '../../../src/base/log.ts'
import { type DeadLetter, listDead } from '../../../src/broker/dead-letters.ts'
import { TaskError } from '../../../src/protocol/failure.ts'
import { worker } from '../../../src/worker/worker.ts'
import { app, type Deed, innocent, killer } from './tasks.ts'

/** Longest wait for an outcome. */
const PATIENCE_MS = 120_000

/** How long innocents last, and when the killer strikes: they are all there by then. */
const INNOCENT_MS = 300
const KILLER_MS = 150

/** Where the rounds are played. */
export interface Stage {
  readonly kind: 'threads' | 'processes'
  readonly children: number
  readonly perChild: number
}

/** What came of one round. */
export interface Round {
  readonly deed: Deed
  /** Children that died. */
  readonly deaths: number
  /** Those that were in the first of them beside the killer. */
  readonly company: number
  readonly succeeded: number
  /** Innocents without the result they should have. */
  readonly failed: readonly string[]
  /** Most runs of an innocent. */
  readonly mostRuns: number
  /** Innocents that ran twice. */
  readonly ranTwice: number
  readonly killerRuns: number
  /** Tasks among the dead letters. */
  readonly buried: readonly string[]
  /** What the caller of the killer was told. */
  readonly verdict: string
  readonly traceback: string | null
  readonly seconds: number
}

/** A worker on a pool of children, which plays rounds of one killer among innocents. */
export class BlameStage implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lovage-blame-'))
  readonly #records: LogRecord[] = []
  readonly #unlisten = onLog((record) => void this.#records.push(record))
  readonly #options = process.env.NODE_OPTIONS
  readonly #worker
  #rounds = 0

  constructor({ kind, children, perChild }: Stage) {
    // A heap that is soon full.
    process.env.NODE_OPTIONS = `${this.#options ?? ''} --max-old-space-size=64`
    const module = fileURLToPath(new URL('./tasks.ts', import.meta.url))
    this.#worker = worker(app, { pool: kind, concurrency: children, perChild, module, gracePeriod: '5s' })
  }

  async start(): Promise<this> {
    await this.#worker.start()
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.stop()
    this.#unlisten()
    if (this.#options === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = this.#options
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async play(deed: Deed, { tasks, random }: { tasks: number; random: () => number }): Promise<Round> {
    const from = performance.now()
    const ledger = join(this.#folder, String(this.#rounds++))
    const before = new Set((await this.#dead()).map(({ id }) => id))
    this.#records.length = 0
    const at = Math.floor(random() * tasks)
    const sent = Array.from({ length: tasks }, (_, index) =>
      index === at ? killer.delay(ledger, deed, KILLER_MS) : innocent.delay(ledger, INNOCENT_MS),
    )
    const ends = await Promise.allSettled(sent.map((result) => result.get({ timeout: PATIENCE_MS })))
    const verdict = ends[at]
    const failed = ends.flatMap((end, index) => {
      if (index === at || (end.status === 'fulfilled' && end.value === 'alive')) return []
      return [end.status === 'fulfilled' ? String(end.value) : String(end.reason)]
    })
    const runs = new Map<string, number>()
    for (const line of readFileSync(ledger, 'utf8').trim().split('\n')) runs.set(line, (runs.get(line) ?? 0) + 1)
    const runsOf = (what: string): number[] =>
      [...runs].filter(([line]) => line.startsWith(what)).map(([, count]) => count)
    const deaths = this.#records.filter(({ message }) => message === 'child died')
    const buried = (await this.#dead()).filter(({ id }) => id === null || !before.has(id))
    const thrown = verdict?.status === 'rejected' ? (verdict.reason as unknown) : undefined
    return {
      deed,
      deaths: deaths.length,
      company: ((deaths[0]?.fields['tasks'] as unknown[] | undefined)?.length ?? 1) - 1,
      succeeded: tasks - 1 - failed.length,
      failed,
      mostRuns: Math.max(...runsOf('innocent')),
      ranTwice: runsOf('innocent').filter((count) => count > 1).length,
      killerRuns: Math.max(...runsOf('killer')),
      buried: buried.map(({ task }) => String(task)),
      verdict: String(thrown),
      traceback: thrown instanceof TaskError ? (thrown.traceback ?? null) : null,
      seconds: Math.round(performance.now() - from) / 1_000,
    }
  }

  async #dead(): Promise<DeadLetter[]> {
    const { broker } = await app.client()
    return listDead(broker, 'celery', 10_000)
  }
}

/** What is not as it should be; empty where all is well. */
export function faultsOf(round: Round, tasks: number): string[] {
  const { deaths, company, succeeded, mostRuns, killerRuns, buried, verdict } = round
  const wanted: [string, boolean][] = [
    ['two children died', deaths === 2],
    ['the first death took others along', company > 0],
    ['every innocent has its result', succeeded === tasks - 1],
    ['no innocent ran more than twice', mostRuns <= 2],
    ['the killer ran twice', killerRuns === 2],
    ['the killer alone is among the dead letters', buried.join() === 'killer'],
    ['who waits is told of a WorkerLostError', verdict.includes('WorkerLostError')],
  ]
  return wanted.flatMap(([what, holds]) => (holds ? [] : [what]))
}
