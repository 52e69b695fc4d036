import { lovage } from 'lovage'
import type { Figure } from '../case.ts'
import { cpuOf } from '../cpu.ts'
import { callsPerSecond, median, quartiles } from '../side-by-side.ts'
import type { Place } from '../systems/places.ts'
import { TaskWorker, type Counted } from '../systems/task-worker.ts'
import { inTurn, type Size } from './size.ts'

/** Tasks of one worker at a time, and how long each takes, so that two cores have time for eight workers. */
const [WIDE, NAP_MS] = [10, 50]

/** So many workers that share a queue. */
interface Crew {
  readonly number: number
  readonly workers: readonly TaskWorker[]
  readonly run: (total: number) => Promise<number>
  readonly rates: number[]
  readonly cpu: number[]
}

/**
 * Workers that have time to spare share a queue: what so many reach of so many times what one does. The first reads the
 * queues of all numbers, the last that of the greatest alone; one queue is in use at a time.
 */
export async function byWorkers(place: Place, { workers: numbers, busyMs, rounds }: Size): Promise<Figure[]> {
  const queueOf = (number: number): string => `shared-${number}`
  const workers: TaskWorker[] = []
  const app = lovage('bench', { broker: place.url, defaultQueue: queueOf(1), publishTimeout: '60s' })
  try {
    for (let i = 0; i < Math.max(...numbers); i++) {
      const queues = numbers.filter((number) => number > i).map(queueOf)
      workers.push(await TaskWorker.start({ broker: place.url, queues, concurrency: WIDE, prefetch: 2 * WIDE }))
    }
    const crews = numbers.map((number): Crew => {
      const nap = app.remote<(ms: number, i: number) => void>('bench.nap', {
        ignoreResult: true,
        queue: queueOf(number),
      })
      const crew = workers.slice(0, number)
      let i = 0
      const run = async (total: number): Promise<number> => {
        const sending = callsPerSecond(total, 1_000, async () => nap.delay(NAP_MS, i++))
        const [, counts] = await Promise.all([sending, allRan(crew, total)])
        return rateOf(counts, total)
      }
      return { number, workers: crew, run, rates: [], cpu: [] }
    })
    for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
      for (const { number, workers: crew, run, rates, cpu } of inTurn(crews, Math.max(0, round))) {
        const total = Math.ceil((number * WIDE * busyMs) / NAP_MS)
        const pids = [process.pid, ...place.server, ...crew.map(({ pid }) => pid)]
        const before = cpuOf(pids)
        const rate = await run(total)
        if (round < 0) continue
        rates.push(rate)
        cpu.push((cpuOf(pids) - before) / total)
      }
    }
    return figuresOf(place, crews)
  } finally {
    for (const worker of workers) await worker.stop()
    await app.close()
  }
}

function rateOf(counts: readonly Counted[], total: number): number {
  let ran = 0
  let [from, to] = [Infinity, 0]
  for (const counted of counts) {
    if (counted.doubled > 0) throw new Error(`${counted.doubled} tasks ran twice`)
    ran += counted.ran
    if (counted.ran > 0) from = Math.min(from, counted.from)
    to = Math.max(to, counted.to)
  }
  if (ran !== total) throw new Error(`${ran} of ${total} tasks ran`)
  return (total / (to - from)) * 1_000
}

function figuresOf(place: Place, crews: readonly Crew[]): Figure[] {
  const group = `growth, ${place.name}, workers`
  const [one, most] = [crews[0], crews.at(-1)] as [Crew, Crew]
  const figures = crews.map(({ number, rates, cpu }): Figure => ({
    what: `${group}, ${number} of them, ${WIDE} tasks of ${NAP_MS} ms each`,
    value: median(rates),
    unit: '/s',
    spread: quartiles(rates),
    contender: place.name,
    at: { curve: 'growth, tasks by workers', x: number, axis: 'workers' },
    ...(Number.isFinite(median(cpu)) && { cpuMicros: median(cpu) }),
  }))
  const shares = most.rates.map((rate, round) => rate / (one.rates[round] as number) / most.number)
  const what = `${group}, ${most.number} over ${most.number} times one`
  return [...figures, { what, value: median(shares), unit: 'x', spread: quartiles(shares), aim: { atLeast: 0.9 } }]
}

/** Each worker's count, once all together have run so many. */
async function allRan(workers: readonly TaskWorker[], total: number): Promise<Counted[]> {
  const sums = workers.map(() => ({ ran: 0, doubled: 0, from: Infinity, to: 0 }))
  for (;;) {
    const now = await Promise.all(workers.map((worker) => worker.counted()))
    for (const [i, { ran, doubled, from, to }] of now.entries()) {
      const sum = sums[i] as (typeof sums)[number]
      sum.ran += ran
      sum.doubled += doubled
      if (ran > 0) [sum.from, sum.to] = [Math.min(sum.from, from), Math.max(sum.to, to)]
    }
    if (sums.reduce((all, { ran }) => all + ran, 0) >= total) {
      return now.map((last, i) => ({ ...last, ...sums[i] }))
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
