import { lovage, type App } from 'lovage'
import type { Figure } from '../case.ts'
import { cpuOf, memoryOf } from '../cpu.ts'
import { callsPerSecond, median, quartiles } from '../side-by-side.ts'
import { anotherPlace, type Place } from '../systems/places.ts'
import { TaskWorker } from '../systems/task-worker.ts'
import { inTurn, type Size } from './size.ts'

/** What was reached in one direction, by rounds. */
interface Reached {
  readonly rates: number[]
  /** Microseconds a task, the server's too. */
  readonly cpu: number[]
}

/** A broker in which so many tasks wait. */
class Depth {
  readonly waiting: number
  readonly sent: Reached = { rates: [], cpu: [] }
  readonly drained: Reached = { rates: [], cpu: [] }
  readonly #place: Place
  readonly #queue: string
  readonly #app: App
  readonly #isOwn: boolean
  #sent = 0
  #now = 0

  /** Starts one and fills it. */
  static async open(place: Place, waiting: number, isOwn: boolean): Promise<Depth> {
    const depth = new Depth(place, waiting, isOwn)
    try {
      await depth.#send(waiting)
    } catch (error) {
      await depth.close()
      throw error
    }
    return depth
  }

  private constructor(place: Place, waiting: number, isOwn: boolean) {
    this.#place = place
    this.waiting = waiting
    this.#queue = `deep-${waiting}`
    this.#app = lovage('bench', { broker: place.url, defaultQueue: this.#queue, publishTimeout: '60s' })
    this.#isOwn = isOwn
  }

  /** Sends so many behind those that wait, and has a worker take about as many from before them. */
  async round(moved: number, warming: boolean): Promise<void> {
    const pids = [process.pid, ...this.#place.server]
    const before = cpuOf(pids)
    const rate = await this.#send(moved)
    const cpu = (cpuOf(pids) - before) / moved
    const taken = await this.#drain(moved)
    const { admin } = (await this.#app.client()).broker
    const left = (await admin?.depth(this.#queue))?.messages
    if (left !== this.#now) throw new Error(`${left} tasks wait, and not ${this.#now}`)
    if (warming) return
    this.sent.rates.push(rate)
    this.sent.cpu.push(cpu)
    this.drained.rates.push(taken.rate)
    this.drained.cpu.push(taken.cpu)
  }

  /** What the server holds, in MiB; NaN where there is none. */
  memory(): number {
    return this.#place.server.length > 0 ? memoryOf(this.#place.server) : NaN
  }

  /** A broker of its own is ended with all that it holds, which would take it long to drop. */
  async close(): Promise<void> {
    try {
      if (!this.#isOwn) await (await this.#app.client()).broker.admin?.purge(this.#queue)
    } finally {
      await this.#app.close()
      if (this.#isOwn) await this.#place.close()
    }
  }

  /** Resolves to tasks a second. */
  #send(many: number): Promise<number> {
    const count = this.#app.remote<(i: number) => void>('bench.count', { ignoreResult: true })
    this.#now += many
    return callsPerSecond(many, 1_000, async () => count.delay(this.#sent++))
  }

  /** A worker of its own takes so many, or some more, and gives back what it has not begun. */
  async #drain(count: number): Promise<{ rate: number; cpu: number }> {
    const { url, server } = this.#place
    // An embedded broker is a thread of this process, which was the first to use it.
    const broker = server.length > 0 ? server : [process.pid]
    const worker = await TaskWorker.start({ broker: url, queues: [this.#queue], concurrency: 100 })
    try {
      const before = cpuOf(broker)
      await worker.settled(count)
      await worker.rest()
      const { ran, doubled, from, to } = await worker.counted()
      if (doubled > 0) throw new Error(`${doubled} tasks ran twice`)
      this.#now -= ran
      const cpu = (cpuOf([worker.pid]) + cpuOf(broker) - before) / ran
      return { rate: (ran / (to - from)) * 1_000, cpu }
    } finally {
      await worker.stop()
    }
  }
}

/** Tasks sent behind, and taken from before, so many that wait: each depth in a broker of its own, by turns. */
export async function byDepth(place: Place, { depths, moved, rounds }: Size, tiny: boolean): Promise<Figure[]> {
  const open: Depth[] = []
  try {
    for (const waiting of depths) {
      // Of the one that others have used before, the least depth would bear the traces. A trial has no time for another.
      const own = tiny ? place : await anotherPlace(place)
      open.push(await Depth.open(own, waiting, own !== place))
    }
    for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
      for (const depth of inTurn(open, Math.max(0, round))) await depth.round(moved, round < 0)
    }
    return [
      ...figuresOf(place, 'enqueue', open, ({ sent }) => sent),
      ...figuresOf(place, 'drain', open, ({ drained }) => drained),
    ]
  } finally {
    for (const depth of open) await depth.close()
  }
}

function figuresOf(place: Place, what: string, depths: readonly Depth[], of: (depth: Depth) => Reached): Figure[] {
  const group = `growth, ${place.name}, depth, ${what}`
  const [least] = depths as [Depth, ...Depth[]]
  return depths.flatMap((depth, i): Figure[] => {
    const { rates, cpu } = of(depth)
    const waiting = depth.waiting.toLocaleString('en-US')
    const point: Figure = {
      what: `${group}, ${waiting} waiting`,
      value: median(rates),
      unit: '/s',
      spread: quartiles(rates),
      contender: place.name,
      at: { curve: `growth, ${what} by tasks that wait`, x: depth.waiting, axis: 'tasks that wait' },
      ...(Number.isFinite(median(cpu)) && { cpuMicros: median(cpu) }),
      ...(Number.isFinite(depth.memory()) && { memoryMiB: depth.memory() }),
    }
    if (i === 0) return [point]
    const shares = rates.map((rate, round) => rate / (of(least).rates[round] as number))
    const times = median(cpu) / median(of(least).cpu)
    return [
      point,
      {
        what: `${group}, ${waiting} over ${least.waiting.toLocaleString('en-US')}`,
        value: median(shares),
        unit: 'x',
        spread: quartiles(shares),
        aim: { atLeast: 0.9 },
        ...(Number.isFinite(times) && {
          note: `CPU a task, the server's too: ${median(cpu).toFixed(0)} µs, ${times.toFixed(2)} times`,
        }),
      },
    ]
  })
}
