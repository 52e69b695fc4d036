import { lovage, type App } from 'lovage'
import type { BenchCase, Figure } from '../case.ts'
import { cpuOf } from '../cpu.ts'
import { callsPerSecond, median, quartiles } from '../side-by-side.ts'
import { inEachPlace, type Place } from '../systems/places.ts'
import { TaskWorker } from '../systems/task-worker.ts'

/** How much is done. */
interface Size {
  /** Tasks that wait while others are sent and run. The first is what the others are compared with. */
  readonly depths: readonly number[]
  /** Sent and run at each depth, so often. */
  readonly moved: number
  readonly rounds: number
  readonly workers: readonly number[]
  /** How long the workers are kept busy, in milliseconds. */
  readonly busyMs: number
  /** Bytes of a task's argument, and how many tasks have it. */
  readonly payloads: readonly (readonly [bytes: number, tasks: number])[]
}

const FULL: Size = {
  depths: [10_000, 100_000, 1_000_000],
  moved: 10_000,
  rounds: 3,
  workers: [1, 2, 4, 8],
  busyMs: 2_000,
  payloads: [
    [100, 3_000],
    [1_000, 3_000],
    [10_000, 1_500],
    [100_000, 300],
    [1_000_000, 40],
  ],
}

const TINY: Size = {
  depths: [50, 200],
  moved: 50,
  rounds: 1,
  workers: [1, 2],
  busyMs: 100,
  payloads: [
    [100, 20],
    [100_000, 5],
  ],
}

/** Tasks of one worker at a time, and how long each takes, so that two cores have time for eight workers. */
const [WIDE, NAP_MS] = [10, 20]

/** Whether it stays as fast when there is more: tasks that wait, workers that read one queue, bytes of an argument. */
const growth: BenchCase = async ({ tiny, amqpUrl, isWanted }) => {
  const size = tiny ? TINY : FULL
  return inEachPlace('growth', { amqpUrl }, async (place) => {
    const figures: Figure[] = []
    if (isWanted(`growth, ${place.name}, payload`)) figures.push(...(await byPayload(place, size)))
    if (isWanted(`growth, ${place.name}, workers`)) figures.push(...(await byWorkers(place, size)))
    if (isWanted(`growth, ${place.name}, depth`)) figures.push(...(await byDepth(place, size)))
    return figures
  })
}
export default growth

/** What was reached at one depth, by rounds. */
interface AtDepth {
  readonly enqueued: number[]
  readonly drained: number[]
  readonly enqueueCpu: number[]
  readonly drainCpu: number[]
}

/** Tasks sent behind, and taken from before, so many that wait. */
async function byDepth(place: Place, { depths, moved, rounds }: Size): Promise<Figure[]> {
  const queue = 'deep'
  const app = lovage('bench', { broker: place.url, defaultQueue: queue, publishTimeout: '60s' })
  const send = counter(app)
  const { admin } = (await app.client()).broker
  const reached = new Map<number, AtDepth>()
  let waiting = 0
  try {
    for (const depth of depths) {
      await send(depth - waiting)
      waiting = depth
      const at: AtDepth = { enqueued: [], drained: [], enqueueCpu: [], drainCpu: [] }
      reached.set(depth, at)
      for (let round = 0; round < rounds; round++) {
        const before = cpuOf([process.pid, ...place.server])
        at.enqueued.push(await send(moved))
        at.enqueueCpu.push((cpuOf([process.pid, ...place.server]) - before) / moved)
        const { ran, rate, cpu } = await drained(place, queue, moved)
        at.drained.push(rate)
        at.drainCpu.push(cpu)
        waiting += moved - ran
        const left = (await admin?.depth(queue))?.messages
        if (left !== waiting) throw new Error(`${left} tasks wait, and not ${waiting}`)
      }
    }
    await admin?.purge(queue)
  } finally {
    await app.close()
  }
  return [
    ...depthFigures(
      place,
      'enqueue',
      reached,
      ({ enqueued }) => enqueued,
      ({ enqueueCpu }) => enqueueCpu,
    ),
    ...depthFigures(
      place,
      'drain',
      reached,
      ({ drained: rates }) => rates,
      ({ drainCpu }) => drainCpu,
    ),
  ]
}

function depthFigures(
  place: Place,
  what: string,
  reached: ReadonlyMap<number, AtDepth>,
  ratesOf: (at: AtDepth) => number[],
  cpuOfEach: (at: AtDepth) => number[],
): Figure[] {
  const group = `growth, ${place.name}, depth, ${what}`
  const figures = [...reached].map(([depth, at]): Figure => {
    const rates = ratesOf(at)
    const cpu = median(cpuOfEach(at))
    return {
      what: `${group}, ${depth.toLocaleString('en-US')} waiting`,
      value: median(rates),
      unit: '/s',
      spread: quartiles(rates),
      contender: place.name,
      at: { curve: `growth, ${what} by tasks that wait`, x: depth, axis: 'tasks that wait' },
      ...(Number.isFinite(cpu) && { cpuMicros: cpu }),
    }
  })
  const [least, most] = [[...reached][0], [...reached].at(-1)] as [[number, AtDepth], [number, AtDepth]]
  const name = `${group}, ${most[0].toLocaleString('en-US')} over ${least[0].toLocaleString('en-US')}`
  const share = (of: (at: AtDepth) => number[]): number => median(of(most[1])) / median(of(least[1]))
  const cpu = share(cpuOfEach)
  const note = Number.isFinite(cpu) ? { note: `CPU a task, the server's too: ${cpu.toFixed(2)} times` } : {}
  return [...figures, { what: name, value: share(ratesOf), unit: 'x', aim: { atLeast: 0.9 }, ...note }]
}

/** A worker of its own takes so many, or some more, and gives back what it has not begun. */
async function drained(
  place: Place,
  queue: string,
  count: number,
): Promise<{ ran: number; rate: number; cpu: number }> {
  const serverBefore = cpuOf(place.server)
  const worker = await TaskWorker.start({ broker: place.url, queues: [queue], concurrency: 100 })
  try {
    await worker.settled(count)
    await worker.rest()
    const { ran, doubled, from, to } = await worker.counted()
    if (doubled > 0) throw new Error(`${doubled} tasks ran twice`)
    const cpu = (cpuOf([worker.pid]) + cpuOf(place.server) - serverBefore) / ran
    return { ran, rate: (ran / (to - from)) * 1_000, cpu }
  } finally {
    await worker.stop()
  }
}

/** Workers that have time to spare share a queue: what so many reach of so many times what one does. */
async function byWorkers(place: Place, { workers: numbers, busyMs, rounds }: Size): Promise<Figure[]> {
  const queue = 'shared'
  const app = lovage('bench', { broker: place.url, defaultQueue: queue, publishTimeout: '60s' })
  const nap = app.remote<(ms: number, i: number) => void>('bench.nap', { ignoreResult: true })
  const workers: TaskWorker[] = []
  const reached = new Map<number, number[]>()
  try {
    for (const number of numbers) {
      while (workers.length < number) {
        workers.push(
          await TaskWorker.start({ broker: place.url, queues: [queue], concurrency: WIDE, prefetch: 2 * WIDE }),
        )
      }
      const total = Math.ceil((number * WIDE * busyMs) / NAP_MS)
      const rates: number[] = []
      for (let round = 0; round < rounds; round++) {
        let i = 0
        const sending = callsPerSecond(total, 1_000, async () => nap.delay(NAP_MS, i++))
        let ran = 0
        let [from, to] = [Infinity, 0]
        const ids = await Promise.all([sending, allRan(workers, total)])
        for (const counted of ids[1]) {
          if (counted.doubled > 0) throw new Error(`${counted.doubled} tasks ran twice`)
          ran += counted.ran
          if (counted.ran > 0) from = Math.min(from, counted.from)
          to = Math.max(to, counted.to)
        }
        if (ran !== total) throw new Error(`${ran} of ${total} tasks ran`)
        rates.push((total / (to - from)) * 1_000)
      }
      reached.set(number, rates)
    }
  } finally {
    for (const worker of workers) await worker.stop()
    await app.close()
  }
  const group = `growth, ${place.name}, workers`
  const one = median([...reached.values()][0] as number[])
  const figures = [...reached].map(([number, rates]): Figure => ({
    what: `${group}, ${number} of them, ${WIDE} tasks of ${NAP_MS} ms each`,
    value: median(rates),
    unit: '/s',
    spread: quartiles(rates),
    contender: place.name,
    at: { curve: 'growth, tasks by workers', x: number, axis: 'workers' },
  }))
  const [number, rates] = [...reached].at(-1) as [number, number[]]
  const share = median(rates) / one / number
  return [
    ...figures,
    { what: `${group}, ${number} over ${number} times one`, value: share, unit: 'x', aim: { atLeast: 0.9 } },
  ]
}

/** Each worker's count, once all together have run so many. */
async function allRan(
  workers: readonly TaskWorker[],
  total: number,
): Promise<Awaited<ReturnType<TaskWorker['counted']>>[]> {
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

/** Sent and run, with an argument of so many bytes. */
async function byPayload(place: Place, { payloads, rounds }: Size): Promise<Figure[]> {
  const queue = 'heavy'
  const worker = await TaskWorker.start({ broker: place.url, queues: [queue], concurrency: 20 })
  const app = lovage('bench', { broker: place.url, defaultQueue: queue, publishTimeout: '60s' })
  const count = app.remote<(i: number, text: string) => void>('bench.count', { ignoreResult: true })
  const figures: Figure[] = []
  try {
    for (const [bytes, tasks] of payloads) {
      const text = 'x'.repeat(bytes)
      const rates: number[] = []
      const cpu: number[] = []
      for (let round = 0; round < rounds; round++) {
        const pids = [process.pid, worker.pid, ...place.server]
        const before = cpuOf(pids)
        const from = performance.now()
        const settled = worker.settledFromNow(tasks)
        let i = 0
        await callsPerSecond(tasks, bytes < 50_000 ? 200 : 10, async () => count.delay(i++, text))
        await settled
        rates.push((tasks / (performance.now() - from)) * 1_000)
        cpu.push((cpuOf(pids) - before) / tasks)
        const { ran, doubled, bytes: came } = await worker.counted()
        if (ran !== tasks || doubled > 0 || came !== tasks * bytes) {
          throw new Error(`of ${tasks} tasks ${ran} ran, ${doubled} of them twice, with ${came} bytes`)
        }
      }
      figures.push({
        what: `growth, ${place.name}, payload, ${bytes.toLocaleString('en-US')} bytes`,
        value: median(rates),
        unit: '/s',
        spread: quartiles(rates),
        contender: place.name,
        at: { curve: 'growth, tasks by bytes of their argument', x: bytes, axis: 'bytes' },
        note: `${((median(rates) * bytes) / 1e6).toFixed(1)} MB a second`,
        ...(Number.isFinite(median(cpu)) && { cpuMicros: median(cpu) }),
      })
    }
    return figures
  } finally {
    await app.close()
    await worker.stop()
  }
}

/** Sends so many tasks, each with a number of its own; resolves to tasks a second. */
function counter(app: App): (count: number) => Promise<number> {
  const count = app.remote<(i: number) => void>('bench.count', { ignoreResult: true })
  let i = 0
  return (many) => callsPerSecond(many, 1_000, async () => count.delay(i++))
}
