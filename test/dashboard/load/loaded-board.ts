import { fileURLToPath } from 'node:url'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { lovage } from '../../cli/lovage.ts'
import { type Child, startChild } from '../../services/child.ts'
import { temporaryFolder } from '../../services/reaper.ts'

const TELLER = fileURLToPath(new URL('teller-process.ts', import.meta.url))
const PROBE = new URL('memory-probe.mjs', import.meta.url).href
const RUN_TS = fileURLToPath(new URL('../../../scripts/run-ts.mjs', import.meta.url))

/** How long requests took, in milliseconds. */
export interface Latency {
  readonly asked: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** A real `lovage dashboard`, as it is built, that is told of what a fleet does by another process. */
export class LoadedBoard {
  readonly child: Child
  readonly url: string
  /** Folder of what outlives it. */
  readonly data: string
  readonly #broker: string

  private constructor(child: Child, url: string, broker: string, data: string) {
    this.data = data
    this.child = child
    this.url = url
    this.#broker = broker
  }

  static async start(broker: string): Promise<LoadedBoard> {
    const data = temporaryFolder('loaded')
    const env = { LOVAGE_BROKER_URL: broker, NODE_OPTIONS: `--import ${PROBE}` }
    const child = lovage(['dashboard', '--port', '0', '--data', data], { env })
    const line = await child.line(/dashboard.*http:\/\/127\.0\.0\.1:\d+/, { timeoutMs: 120_000 })
    return new LoadedBoard(child, /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? '', broker, data)
  }

  /** Has a process tell of so many tasks, four events each; `perSecond` of them, or as fast as is heard. */
  tell(tasks: number, perSecond = 0): Child {
    const args = [RUN_TS, TELLER, this.#broker, String(tasks), String(perSecond)]
    return startChild(process.execPath, args, { name: 'teller' })
  }

  /** How many events it has heard so far. */
  async heard(): Promise<number> {
    const response = await fetch(`${this.url}/metrics`)
    return Number(/^lovage_events_total (\d+)/m.exec(await response.text())?.[1] ?? NaN)
  }

  /** What it holds once its garbage is collected, and what it took from the machine before that. */
  async memory(): Promise<{ readonly heldMb: number; readonly rssMb: number }> {
    const from = this.child.lines.length
    this.child.signal('SIGUSR2')
    const line = await this.child.line(/^memory /, { timeoutMs: 60_000, from })
    const { rss, heldBytes } = JSON.parse(line.slice('memory '.length)) as { rss: number; heldBytes: number }
    const mb = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10
    return { heldMb: mb(heldBytes), rssMb: mb(rss) }
  }

  /** Waits until it has heard so many, or hears no more. Gives how many it has heard. */
  async heardAll(count: number): Promise<number> {
    let [before, heard] = [-1, 0]
    for (let still = 0; still < 100; before = heard) {
      heard = await this.heard()
      if (heard >= count) break
      still = heard === before ? still + 1 : 0
      await sleep(systemClock, 300)
    }
    return heard
  }

  /** Asks it all that pages ask, again and again, until `over`. */
  async ask(over: Promise<unknown>, everyMs = 50): Promise<Record<string, Latency>> {
    let isOver = false
    void over.finally(() => (isOver = true)).catch(() => {})
    const { rows } = (await (await fetch(`${this.url}/api/v1/tasks?limit=1`)).json()) as { rows: { id: string }[] }
    const paths: Readonly<Record<string, string>> = {
      overview: 'overview?range=1h',
      tasks: 'tasks?limit=100',
      filtered: 'tasks?limit=100&facets=1&q=state%3AFAILURE%20name%3Ashop.task1',
      text: 'tasks?limit=100&facets=1&q=hello',
      task: `tasks/${rows[0]?.id ?? ''}`,
      workers: 'workers',
      queues: 'queues',
    }
    const times = new Map<string, number[]>()
    while (!isOver) {
      for (const [name, path] of Object.entries(paths)) {
        const from = performance.now()
        const response = await fetch(`${this.url}/api/v1/${path}`)
        await response.text()
        if (!response.ok && name !== 'task') throw new Error(`${path}: ${response.status}`)
        const taken = times.get(name) ?? []
        times.set(name, taken)
        taken.push(performance.now() - from)
        await sleep(systemClock, everyMs)
      }
    }
    return Object.fromEntries([...times].map(([name, taken]) => [name, latencyOf(taken)]))
  }
}

/** The numbers that a teller printed at its end. */
export async function toldBy(teller: Child, timeoutMs: number): Promise<{ events: number; ms: number }> {
  const line = await teller.line(/^told \d+/, { timeoutMs })
  const [events = NaN, ms = NaN] = [...line.matchAll(/\d+/g)].map(Number)
  await teller.ended({ timeoutMs: 60_000 })
  return { events, ms }
}

function latencyOf(taken: readonly number[]): Latency {
  const sorted = taken.toSorted((a, b) => a - b)
  const at = (part: number): number =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN) * 10) / 10
  return { asked: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
