import type { Attention } from '../api.ts'
import type { QueueRow, WorkerRow } from '../api-fleet.ts'
import { failingOf } from './failing.ts'
import type { TopicParts } from './topic-parts.ts'

/** Things that are told of at most. */
const MOST = 30

/** A name fails so often at least, and so large a share of its runs, before it is told of. */
const FAILURES = 3
const SHARE = 0.05

const WINDOW_MS = 900_000

/** A queue that would take so long to empty is told of. */
const DRAIN_MS = 600_000

/** A loop that is so late holds up what runs in it. */
const LAG_MS = 500

/** What needs a look, the worst first. */
export function attentionOf(
  { fleet, index, hosts, timetable }: TopicParts,
  workers: readonly WorkerRow[],
  queues: readonly QueueRow[],
  nowMs: number,
): Attention[] {
  const all: Attention[] = []
  const { staleBecause } = fleet
  if (staleBecause !== undefined)
    all.push({ level: 'bad', text: `${staleBecause}: what is shown is old`, link: '/', sinceMs: fleet.asOfMs || null })
  for (const worker of workers) ofWorker(worker, all)
  for (const queue of queues) ofQueue(queue, all)
  for (const { name, error, count, share } of failingOf(index, WINDOW_MS, nowMs)) {
    if (count < FAILURES || share < SHARE) continue
    const text = `${name} fails with ${error}: ${count} in the last 15 min, ${Math.round(share * 100)} % of its runs`
    const link = `/tasks?q=${encodeURIComponent(`state:FAILURE name:"${name}" newer:15m`)}`
    all.push({ level: share > 0.5 ? 'bad' : 'warn', text, link, sinceMs: null })
  }
  all.push(...hosts.attention(), ...timetable.attention())
  return all.toSorted((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad')).slice(0, MOST)
}

function ofWorker({ name, status, asOfMs, loopLagMs }: WorkerRow, all: Attention[]): void {
  const link = `/workers/${encodeURIComponent(name)}`
  if (status === 'offline')
    all.push({ level: 'bad', text: `Worker ${name} is not heard any more`, link, sinceMs: asOfMs })
  else if (status === 'online' && loopLagMs !== null && loopLagMs > LAG_MS) {
    all.push({ level: 'warn', text: `The loop of ${name} is ${Math.round(loopLagMs)} ms late`, link, sinceMs: null })
  }
}

function ofQueue({ name, ready, consumers, dead, drainMs, inRate, outRate }: QueueRow, all: Attention[]): void {
  const link = `/queues?queue=${encodeURIComponent(name)}`
  const waiting = ready ?? 0
  if (waiting > 0 && consumers === 0) {
    all.push({ level: 'bad', text: `Nobody reads queue ${name}: ${waiting} wait`, link, sinceMs: null })
  } else if (waiting > 100 && inRate > 0 && drainMs === null && inRate > outRate) {
    const text = `Queue ${name} grows: ${waiting} wait, ${inRate.toFixed(1)}/s in and ${outRate.toFixed(1)}/s out`
    all.push({ level: 'warn', text, link, sinceMs: null })
  } else if (drainMs !== null && drainMs > DRAIN_MS) {
    const text = `Queue ${name} needs ${Math.round(drainMs / 60_000)} min to empty at this rate: ${waiting} wait`
    all.push({ level: 'warn', text, link, sinceMs: null })
  }
  if ((dead ?? 0) > 0) {
    const text = `${dead} dead ${dead === 1 ? 'letter' : 'letters'} of queue ${name}`
    all.push({ level: 'warn', text, link: `${link}&dead=1`, sinceMs: null })
  }
}
