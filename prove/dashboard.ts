// The dashboard hears 5 million events with memory flat, then 2,000 a second with none dropped, while its API answers and a
// browser draws charts.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { cpuOf } from '../bench/cpu.ts'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { sleep, systemClock } from '../src/base/clock.ts'
import { resolveOptions } from '../src/dashboard/options.ts'
import { type Latency, LoadedBoard, toldBy } from '../test/dashboard/load/loaded-board.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'
import { openBrowser, openPage } from '../test/web/browser.ts'

const EVENTS_PER_TASK = 4

const LEAST_PER_CPU_SECOND = 25_000
const MOST_ANSWER_MS = 200
const MOST_TASK_MS = 100
const PER_SECOND = 2_000

/** The flood comes in so many parts; between two of them is looked at what is held. */
const PARTS = 5

/** What is held may grow by so much for each million of events, once the index is full and its oldest have left. */
const MOST_MB_PER_MILLION = 3

/** RSS has garbage in it that waits for its collection: of late it may be so much over that of before. */
const FLAT = 1.15
const SLACK_MB = 32

const PATIENCE_MS = 2 * 3_600_000

/** What has changed is written each second; until then it is held. */
const SETTLE_MS = 2_500

/** `events` are pushed as fast as they are heard; `seconds` is how long 2,000 a second come. */
export async function run({ seconds = 60, events = 5_000_000 }: ProofOptions): Promise<Proof> {
  const failures: string[] = []
  // A reader that is slow for a moment is not cut: the teller waits for it.
  const redis = await RedisNode.start(['--client-output-buffer-limit', 'pubsub 0 0 0'])
  const figures: Record<string, unknown> = {}
  try {
    const board = await LoadedBoard.start(redis.url())
    figures['flood'] = await flooded(board, events, failures)
    console.log('flood', JSON.stringify(figures['flood']))
    figures['redis'] = await told(board, seconds, failures)
    console.log('redis', JSON.stringify(figures['redis']))
    await board.child.stop()
  } finally {
    await redis.remove()
  }
  const rabbitmq = await RabbitmqNode.start()
  try {
    const board = await LoadedBoard.start(rabbitmq.url())
    figures['rabbitmq'] = await told(board, seconds, failures)
    console.log('rabbitmq', JSON.stringify(figures['rabbitmq']))
    await board.child.stop()
  } finally {
    await rabbitmq.remove()
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}

/** Memory after so many events. */
interface Held {
  readonly events: number
  readonly heldMb: number
  /** The most of this part. */
  readonly rssMb: number
}

/** As fast as they are heard: CPU and memory of the dashboard. */
async function flooded(board: LoadedBoard, events: number, failures: string[]): Promise<object> {
  const { maxTasks, historyBytes } = resolveOptions()
  const before = cpuOf([board.child.pid])
  const samples: Held[] = []
  let [sent, heard, ms] = [0, 0, 0]
  for (let part = 1; part <= PARTS; part++) {
    const watch = new RssWatch(board.child.pid)
    const told = await toldBy(board.tell(Math.ceil(events / PARTS / EVENTS_PER_TASK)), PATIENCE_MS)
    sent += told.events
    ms += told.ms
    heard = await board.heardAll(sent)
    await sleep(systemClock, SETTLE_MS)
    const rssMb = await watch.end()
    samples.push({ events: heard, heldMb: (await board.memory()).heldMb, rssMb })
    console.log(`flood, part ${part} of ${PARTS}: ${JSON.stringify(samples.at(-1))}, load ${load()}`)
  }
  const perCpuSecond = Math.round(heard / ((cpuOf([board.child.pid]) - before) / 1e6))
  if (heard !== sent) failures.push(`flood: ${sent - heard} of ${sent} events were not heard`)
  if (!(perCpuSecond >= LEAST_PER_CPU_SECOND)) failures.push(`flood: ${perCpuSecond} events a CPU second`)
  const historyMb = Math.round(bytesOf(board.data) / 2 ** 20)
  if (historyMb * 2 ** 20 > historyBytes * FLAT) failures.push(`flood: the history has ${historyMb} MB`)
  // Twice as many as it holds: those that came first have been replaced once.
  const full = samples.filter((sample) => sample.events >= 2 * maxTasks * EVENTS_PER_TASK)
  const memory = flatnessOf(full, failures)
  const perSecond = Math.round(sent / (ms / 1000))
  return { sent, heard, perSecond, perCpuSecond, samples, memory, historyMb, load: load() }
}

/** Whether it has stopped growing, by what is held and by what was taken from the machine. */
function flatnessOf(full: readonly Held[], failures: string[]): object {
  const [first] = full
  if (!first || full.length < 3) {
    failures.push(`flood: too few events to see whether memory grows`)
    return { isFull: false }
  }
  const heldMbPerMillion = Math.round(slopeOf(full) * 1e6 * 10) / 10
  if (!(heldMbPerMillion <= MOST_MB_PER_MILLION)) {
    failures.push(`flood: what is held grows by ${heldMbPerMillion} MB for each million of events`)
  }
  const half = Math.floor(full.length / 2)
  const early = Math.max(...full.slice(0, half).map(({ rssMb }) => rssMb))
  const late = Math.max(...full.slice(-half).map(({ rssMb }) => rssMb))
  if (!(late <= early * FLAT + SLACK_MB)) failures.push(`flood: RSS grows from ${early} to ${late} MB`)
  return { isFull: true, heldMbPerMillion, rssEarlyMb: early, rssLateMb: late }
}

/** MB an event, by least squares. */
function slopeOf(samples: readonly Held[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(samples.map(({ events }) => events)), mean(samples.map(({ heldMb }) => heldMb))]
  const over = samples.reduce((sum, { events, heldMb }) => sum + (events - x) * (heldMb - y), 0)
  return over / samples.reduce((sum, { events }) => sum + (events - x) ** 2, 0)
}

/** What runs in a tab. */
const PAGES = [
  { path: '/?range=15m', isThere: '#main canvas' },
  { path: '/tasks', isThere: '#main [role=row] a' },
] as const

/** 2,000 a second, while the API is asked, a tab shows charts and another a list that changes. */
async function told(board: LoadedBoard, seconds: number, failures: string[]): Promise<object> {
  const rate = PER_SECOND / EVENTS_PER_TASK
  // So that there is something in the list before it is looked at.
  await toldBy(board.tell(rate, rate), PATIENCE_MS)
  const already = await settled(board)
  const browser = await openBrowser()
  try {
    const tabs = []
    for (const { path, isThere } of PAGES) {
      const { page, faults } = await openPage(browser)
      await page.addInitScript(`{
        globalThis.__long = []
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) globalThis.__long.push(Math.round(duration))
        }).observe({ type: 'longtask', buffered: true })
      }`)
      await page.goto(`${board.url}${path}`)
      await page.locator(isThere).first().waitFor()
      await sleep(systemClock, SETTLE_MS)
      tabs.push({ path, page, faults, loading: await page.evaluate<number[]>('globalThis.__long.splice(0)') })
    }
    const before = cpuOf([board.child.pid])
    const telling = toldBy(board.tell(rate * seconds, rate), PATIENCE_MS)
    const answers = await board.ask(telling)
    const { events: sent, ms } = await telling
    const heard = (await board.heardAll(already + sent)) - already
    const cpuShare = Math.round((cpuOf([board.child.pid]) - before) / ms / 10) / 100
    if (heard !== sent) failures.push(`told: ${sent - heard} of ${sent} events were not heard`)
    judge(answers, failures)
    const longTasksMs: Record<string, object> = {}
    for (const { path, page, faults, loading } of tabs) {
      const running = await page.evaluate<number[]>('globalThis.__long')
      const longest = Math.max(0, ...running)
      if (longest > MOST_TASK_MS) failures.push(`told: a task of ${path} took ${longest} ms, load ${load()}`)
      failures.push(...faults.map((fault) => `${path}: ${fault}`))
      longTasksMs[path] = { loading, running }
    }
    const perSecond = Math.round(sent / (ms / 1000))
    return { sent, heard, perSecond, cpuShare, answers, longTasksMs, load: load() }
  } finally {
    await browser.close()
  }
}

/** How many it has heard, once nothing more comes. */
async function settled(board: LoadedBoard): Promise<number> {
  for (let before = -1; ;) {
    const heard = await board.heard()
    if (heard === before) return heard
    before = heard
    await sleep(systemClock, 300)
  }
}

function judge(answers: Record<string, Latency>, failures: string[]): void {
  for (const [name, { p99 }] of Object.entries(answers)) {
    if (p99 > MOST_ANSWER_MS) failures.push(`told: ${name} is answered in ${p99} ms (p99), load ${load()}`)
  }
}

/** The most that a process takes from the machine, from now on. */
class RssWatch {
  readonly #watching: Promise<void>
  #most = 0
  #isOver = false

  constructor(pid: number) {
    this.#watching = (async () => {
      while (!this.#isOver) {
        this.#most = Math.max(this.#most, rssMbOf(pid))
        await sleep(systemClock, 500)
      }
    })()
  }

  async end(): Promise<number> {
    this.#isOver = true
    await this.#watching
    return this.#most
  }
}

function rssMbOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? NaN) / 1024)
}

function bytesOf(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.map((name) => statSync(join(folder, name))).reduce((sum, one) => sum + (one.isFile() ? one.size : 0), 0)
}

/** Of the machine, over the last minute: what else runs on it makes everything later. */
function load(): string {
  return (loadavg()[0] ?? NaN).toFixed(1)
}
