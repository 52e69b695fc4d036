import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../../base/clock.ts'
import type { ChildMemory } from '../child-death.ts'

/** What this thread or process weighs now. */
export function weigh(kind: 'threads' | 'processes', clock: Clock): ChildMemory {
  const atMs = clock.now()
  const heap = getHeapStatistics()
  const heapBytes = heap.used_heap_size
  // The resident set is that of the whole process, which a thread shares with all others.
  const bytes = kind === 'processes' ? process.memoryUsage.rss() : heap.total_heap_size + heap.external_memory
  return { bytes, heapBytes, atMs }
}
