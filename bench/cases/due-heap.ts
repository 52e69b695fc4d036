import { systemClock } from '../../src/base/clock.ts'
import { DueHeap } from '../../src/base/due-heap.ts'
import { rate, type BenchCase } from '../case.ts'
import { sideBySide } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'

/** Deadlines that are nearly always cancelled, as those of requests are: on one shared timer, and on one timer each. */
const dueHeap: BenchCase = async ({ tiny }) => {
  const seconds = tiny ? 0.01 : 0.4
  const waiting = tiny ? 100 : 10_000
  const heap = new DueHeap(systemClock, { unref: true })
  for (let i = 0; i < waiting; i++) heap.add(60_000 + i, () => {})
  const timers = Array.from({ length: waiting }, (_, i) => setTimeout(() => {}, 60_000 + i))
  const meter = new CpuMeter()
  const measured = (name: string, work: () => void) => (): Promise<number> =>
    meter.measureBy(
      name,
      () => [process.pid],
      async () => rate(work, seconds),
      (reached) => reached * seconds,
    )
  try {
    return await sideBySide(
      `deadline set and cancelled, ${waiting.toLocaleString('en-US')} waiting`,
      tiny ? 1 : 5,
      {
        'due-heap': measured('due-heap', () => heap.add(30_000, () => {}).cancel()),
        'a timer each': measured('a timer each', () => clearTimeout(setTimeout(() => {}, 30_000))),
      },
      { meter },
    )
  } finally {
    for (const timer of timers) clearTimeout(timer)
    heap.clear()
  }
}
export default dueHeap
