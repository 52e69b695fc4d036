// The dashboard hears 5 million events with memory flat, then 2,000 a second with none dropped, while its API answers and a
// browser draws charts.
import { readFileSync } from 'node:fs'
import { cpuOf } from '../bench/cpu.ts'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { sleep, systemClock } from '../src/base/clock.ts'
import { type Latency, LoadedBoard, toldBy } from '../test/dashboard/load/loaded-board.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'
import { openBrowser, openPage } from '../test/web/browser.ts'

const EVENTS_PER_TASK = 4

/** Tasks that a dashboard keeps: from then on each new one takes the place of an old one. */
const HELD = 200_000

const LEAST_PER_CPU_SECOND = 25_000
const MOST_ANSWER_MS = 200
const MOST_TASK_MS = 100
const PER_SECOND = 2_000

/** RSS of the last third, once the index is full, may be so much over that of the first. */
const FLAT = 1.1
const SLACK_MB = 16

const PATIENCE_MS = 2 * 3_600_000

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
    await board.child.stop()
  } finally {
    await rabbitmq.remove()
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}

/** As fast as they are heard: CPU and memory of the dashboard. */
async function flooded(board: LoadedBoard, events: number, failures: string[]): Promise<object> {
  const before = cpuOf([board.child.pid])
  const teller = board.tell(Math.ceil(events / EVENTS_PER_TASK))
  const samples: { readonly atMs: number; readonly rssMb: number }[] = []
  let isOver = false
  const fromMs = performance.now()
  const sampling = (async () => {
    while (!isOver) {
      samples.push({ atMs: performance.now() - fromMs, rssMb: rssMbOf(board.child.pid) })
      await sleep(systemClock, 500)
    }
  })()
  const { events: sent, ms } = await toldBy(teller, PATIENCE_MS)
  const heard = await board.heardAll(sent)
  const perCpuSecond = Math.round(heard / ((cpuOf([board.child.pid]) - before) / 1e6))
  isOver = true
  await sampling
  if (heard !== sent) failures.push(`flood: ${sent - heard} of ${sent} events were not heard`)
  if (!(perCpuSecond >= LEAST_PER_CPU_SECOND)) failures.push(`flood: ${perCpuSecond} events a CPU second`)
  return {
    sent,
    heard,
    perSecond: Math.round(sent / (ms / 1000)),
    perCpuSecond,
    memory: memoryOf(samples, ms, sent, failures),
  }
}

function memoryOf(
  samples: readonly { readonly atMs: number; readonly rssMb: number }[],
  ms: number,
  sent: number,
  failures: string[],
): object {
  const tenths = Array.from({ length: 10 }, (_, tenth) =>
    Math.max(0, ...samples.filter(({ atMs }) => Math.floor((atMs / ms) * 10) === tenth).map(({ rssMb }) => rssMb)),
  )
  // Twice as many as it holds: the young have been replaced once.
  const fullMs = ((2 * HELD * EVENTS_PER_TASK) / sent) * ms
  const full = samples.filter(({ atMs }) => atMs >= fullMs && atMs <= ms)
  if (full.length < 6) return { rssMbByTenths: tenths, isFull: false }
  const third = Math.floor(full.length / 3)
  const early = Math.max(...full.slice(0, third).map(({ rssMb }) => rssMb))
  const late = Math.max(...full.slice(-third).map(({ rssMb }) => rssMb))
  if (!(late <= early * FLAT + SLACK_MB)) failures.push(`flood: RSS grows from ${early} to ${late} MB`)
  const mbPerMillion = Math.round(slopeOf(full) * (ms / sent) * 1e6 * 10) / 10
  return { rssMbByTenths: tenths, isFull: true, fullEarlyMb: early, fullLateMb: late, mbPerMillionEvents: mbPerMillion }
}

/** MB a millisecond, by least squares. */
function slopeOf(samples: readonly { readonly atMs: number; readonly rssMb: number }[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(samples.map(({ atMs }) => atMs)), mean(samples.map(({ rssMb }) => rssMb))]
  const over = samples.reduce((sum, { atMs, rssMb }) => sum + (atMs - x) * (rssMb - y), 0)
  return over / samples.reduce((sum, { atMs }) => sum + (atMs - x) ** 2, 0)
}

/** 2,000 a second, while the API is asked and a tab shows charts. */
async function told(board: LoadedBoard, seconds: number, failures: string[]): Promise<object> {
  const already = await board.heard()
  const browser = await openBrowser()
  try {
    const { page, faults } = await openPage(browser)
    await page.addInitScript(`{
      globalThis.__long = []
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) globalThis.__long.push(Math.round(duration))
      }).observe({ type: 'longtask', buffered: true })
    }`)
    await page.goto(board.url)
    await page.locator('#main canvas').first().waitFor()
    const loading = await page.evaluate<number[]>('globalThis.__long.splice(0)')
    const before = cpuOf([board.child.pid])
    const rate = PER_SECOND / EVENTS_PER_TASK
    const teller = board.tell(rate * seconds, rate)
    const telling = toldBy(teller, PATIENCE_MS)
    const answers = await board.ask(telling)
    const { events: sent, ms } = await telling
    const heard = (await board.heardAll(already + sent)) - already
    const cpuShare = Math.round((cpuOf([board.child.pid]) - before) / ms / 10) / 100
    const long = await page.evaluate<number[]>('globalThis.__long')
    if (heard !== sent) failures.push(`told: ${sent - heard} of ${sent} events were not heard`)
    judge(answers, failures)
    const longest = Math.max(0, ...long)
    if (longest > MOST_TASK_MS) failures.push(`told: a task of the page took ${longest} ms`)
    failures.push(...faults.map((fault) => `page: ${fault}`))
    const perSecond = Math.round(sent / (ms / 1000))
    return { sent, heard, perSecond, cpuShare, answers, longTasksMs: { loading, whileChartsRun: long } }
  } finally {
    await browser.close()
  }
}

function judge(answers: Record<string, Latency>, failures: string[]): void {
  for (const [name, { p99 }] of Object.entries(answers)) {
    if (p99 > MOST_ANSWER_MS) failures.push(`told: ${name} is answered in ${p99} ms (p99)`)
  }
}

function rssMbOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? NaN) / 1024)
}
