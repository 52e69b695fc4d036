import { systemClock } from '../../src/base/clock.ts'
import { DueHeap } from '../../src/base/due-heap.ts'
import { rate, type BenchCase } from '../case.ts'

/** Deadlines that are nearly always cancelled, as those of requests are: on one shared timer, and on one timer each. */
const dueHeap: BenchCase = ({ tiny }) => {
  const seconds = tiny ? 0.01 : 2
  const waiting = tiny ? 100 : 10_000
  const heap = new DueHeap(systemClock, { unref: true })
  for (let i = 0; i < waiting; i++) heap.add(60_000 + i, () => {})
  const shared = rate(() => heap.add(30_000, () => {}).cancel(), seconds)
  heap.clear()

  const timers = Array.from({ length: waiting }, (_, i) => setTimeout(() => {}, 60_000 + i))
  const own = rate(() => clearTimeout(setTimeout(() => {}, 30_000)), seconds)
  for (const timer of timers) clearTimeout(timer)

  return [
    { what: `deadline set and cancelled, due-heap, ${waiting} waiting`, value: shared, unit: '/s' },
    { what: `deadline set and cancelled, timer each, ${waiting} waiting`, value: own, unit: '/s' },
    { what: 'due-heap to timer each', value: shared / own, unit: 'x' },
  ]
}
export default dueHeap
