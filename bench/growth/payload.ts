import { lovage } from 'lovage'
import type { Figure } from '../case.ts'
import { cpuOf, memoryOf } from '../cpu.ts'
import { callsPerSecond, median, quartiles } from '../side-by-side.ts'
import type { Place } from '../systems/places.ts'
import { TaskWorker } from '../systems/task-worker.ts'
import { inTurn, type Size } from './size.ts'

/** What was reached with one size, by rounds. */
interface Weight {
  readonly bytes: number
  readonly tasks: number
  readonly rates: number[]
  /** Microseconds a task, of sender, worker and server. */
  readonly cpu: number[]
  memory: number
}

/** Sent and run, with an argument of so many bytes, the sizes by turns. */
export async function byPayload(place: Place, { payloads, rounds }: Size): Promise<Figure[]> {
  const queue = 'heavy'
  const worker = await TaskWorker.start({ broker: place.url, queues: [queue], concurrency: 20 })
  const app = lovage('bench', { broker: place.url, defaultQueue: queue, publishTimeout: '60s' })
  const count = app.remote<(i: number, text: string) => void>('bench.count', { ignoreResult: true })
  const weights = payloads.map(([bytes, tasks]): Weight => ({ bytes, tasks, rates: [], cpu: [], memory: NaN }))
  const pids = [process.pid, worker.pid, ...place.server]
  try {
    for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
      for (const weight of inTurn(weights, Math.max(0, round))) {
        const { bytes, tasks } = weight
        const text = 'x'.repeat(bytes)
        const before = cpuOf(pids)
        const from = performance.now()
        const settled = worker.settledCounted(tasks)
        let i = 0
        await callsPerSecond(tasks, bytes < 50_000 ? 200 : 10, async () => count.delay(i++, text))
        await settled
        const seconds = (performance.now() - from) / 1_000
        const cpu = (cpuOf(pids) - before) / tasks
        const { ran, doubled, bytes: came } = await worker.counted()
        if (ran !== tasks || doubled > 0 || came !== tasks * bytes) {
          throw new Error(`of ${tasks} tasks ${ran} ran, ${doubled} of them twice, with ${came} bytes`)
        }
        if (round < 0) continue
        weight.rates.push(tasks / seconds)
        weight.cpu.push(cpu)
        weight.memory = memoryOf([worker.pid])
      }
    }
    return [...weights.map((weight) => pointOf(place, weight)), perKb(place, weights)]
  } finally {
    await app.close()
    await worker.stop()
  }
}

function pointOf(place: Place, { bytes, rates, cpu, memory }: Weight): Figure {
  return {
    what: `growth, ${place.name}, payload, ${bytes.toLocaleString('en-US')} bytes`,
    value: median(rates),
    unit: '/s',
    spread: quartiles(rates),
    contender: place.name,
    at: { curve: 'growth, tasks by bytes of their argument', x: bytes, axis: 'bytes' },
    note: `${((median(rates) * bytes) / 1e6).toFixed(1)} MB a second`,
    ...(Number.isFinite(median(cpu)) && { cpuMicros: median(cpu) }),
    ...(Number.isFinite(memory) && { memoryMiB: memory }),
  }
}

/**
 * The curve, explained: a task takes as long as one of the least plus so much for each kilobyte. How far the sizes between
 * are from that line says whether anything else grows.
 */
function perKb(place: Place, weights: readonly Weight[]): Figure {
  const timeOf = ({ rates }: Weight): number => 1e6 / median(rates)
  const [least, most] = [weights[0], weights.at(-1)] as [Weight, Weight]
  const slope = (timeOf(most) - timeOf(least)) / (most.bytes - least.bytes)
  const told = (weight: Weight): number => timeOf(least) + slope * (weight.bytes - least.bytes)
  const between = weights.slice(1, -1).map((weight) => {
    const share = timeOf(weight) / told(weight)
    return `${share.toFixed(2)} at ${weight.bytes.toLocaleString('en-US')} bytes`
  })
  const rest = between.length > 0 ? `; of what that says the sizes between take ${between.join(', ')}` : ''
  const cpu = ((median(most.cpu) - median(least.cpu)) / (most.bytes - least.bytes)) * 1_000
  return {
    what: `growth, ${place.name}, payload, each kilobyte more`,
    value: slope * 1_000,
    unit: 'µs',
    note: `beside ${timeOf(least).toFixed(0)} µs of a task with ${least.bytes} bytes${rest}`,
    ...(Number.isFinite(cpu) && { cpuMicros: cpu }),
  }
}
