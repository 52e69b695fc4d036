import { redactUrl } from '../../base/redact.ts'
import type { Overview } from '../api.ts'
import type { FleetWatch } from '../fleet/fleet-watch.ts'
import { FAILURE, SUCCESS } from '../tasks/states.ts'
import type { TaskIndex } from '../tasks/task-index.ts'
import { type Range, RANGES } from '../traffic/series.ts'
import { attentionOf } from './attention.ts'
import type { Hosts } from './hosts.ts'
import type { Timetable } from './timetable.ts'

/** Names in each list. */
const MOST = 50
const MOST_FAILING = 20
const MOST_NEXT = 8

const RANGE_MS: Readonly<Record<Range, number>> = {
  '15m': 900_000,
  '1h': 3_600_000,
  '6h': 21_600_000,
  '24h': 86_400_000,
}

/** What an overview is made of. */
export interface OverviewParts {
  readonly broker: string
  readonly index: TaskIndex
  readonly fleet: FleetWatch
  readonly timetable: Timetable
  readonly hosts: Hosts
}

export function isRange(text: string): text is Range {
  return Object.hasOwn(RANGES, text)
}

/** All of it at a glance. */
export function overviewOf(parts: OverviewParts, range: Range, nowMs: number): Overview {
  const { broker, index, fleet, timetable } = parts
  const workers = fleet.workers
  const queues = fleet.queues
  const { revoked: _, ...rates } = index.series.rates(nowMs)
  const { staleBecause } = fleet
  return {
    broker: redactUrl(broker),
    series: index.series.read(range, nowMs),
    rates,
    flow: {
      senders: index.rates.sender
        .keys(nowMs)
        .map((name) => ({ name, kind: kindOf(name, fleet), rate: index.rates.sender.rate(name, nowMs) }))
        .toSorted((a, b) => b.rate - a.rate)
        .slice(0, MOST),
      queues: queues
        .map(({ name, ready, oldestMs, inRate, outRate }) => ({ name, ready, oldestMs, rate: Math.max(inRate, outRate) }))
        .slice(0, MOST),
      workers: workers
        .filter(({ status }) => status === 'online')
        .map(({ name, active, slots, queues: read }) => {
          return { name, busy: active.length, slots, rate: index.rates.worker.rate(name, nowMs), queues: read }
        })
        .slice(0, MOST),
    },
    attention: attentionOf(parts, workers, queues, nowMs),
    failing: failingOf(index, nowMs - RANGE_MS[range]),
    next: timetable.next.slice(0, MOST_NEXT),
    asOfMs: Math.max(fleet.asOfMs, index.heardAtMs),
    ...(staleBecause !== undefined && { staleBecause }),
  }
}

function kindOf(name: string, fleet: FleetWatch): 'gateway' | 'beat' | 'client' {
  if (fleet.gateways.has(name)) return 'gateway'
  return /(^|[.@-])beat([.@-]|$)/.test(name) ? 'beat' : 'client'
}

/** Names whose runs fail, and with what, of those that ended since then. */
export function failingOf({ table }: TaskIndex, sinceMs: number): Overview['failing'] {
  const { columns } = table
  const runs = new Map<number, number>()
  const failures = new Map<string, { name: number; error: string; count: number }>()
  for (const slot of table.snapshot()) {
    if ((columns.updatedMs[slot] as number) < sinceMs) break
    const state = columns.state[slot]
    if (state !== FAILURE && state !== SUCCESS) continue
    const name = columns.name[slot] as number
    runs.set(name, (runs.get(name) ?? 0) + 1)
    if (state === SUCCESS) continue
    const error = errorName(columns.error[slot])
    const key = `${name} ${error}`
    const known = failures.get(key)
    if (known) known.count++
    else failures.set(key, { name, error, count: 1 })
  }
  return [...failures.values()]
    .toSorted((a, b) => b.count - a.count)
    .slice(0, MOST_FAILING)
    .map(({ name, error, count }) => ({
      name: table.names.text(name) ?? '?',
      error,
      count,
      share: count / (runs.get(name) ?? count),
    }))
}

/** `TimeoutError('smtp.example')` is a TimeoutError. */
function errorName(error: string | undefined): string {
  return /^[\w.]+/.exec(error ?? '')?.[0]?.slice(0, 100) ?? 'unknown'
}
