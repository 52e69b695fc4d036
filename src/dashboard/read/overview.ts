import { redactUrl } from '../../base/redact.ts'
import type { Overview } from '../api.ts'
import { type Range, RANGES } from '../traffic/series.ts'
import { attentionOf } from './attention.ts'
import { failingOf } from './failing.ts'
import { sendersOf } from './senders.ts'
import type { TopicParts } from './topic-parts.ts'

/** Names in each list. */
const MOST = 50
const MOST_NEXT = 8

const RANGE_MS: Readonly<Record<Range, number>> = {
  '15m': 900_000,
  '1h': 3_600_000,
  '6h': 21_600_000,
  '24h': 86_400_000,
}

export function isRange(text: string): text is Range {
  return Object.hasOwn(RANGES, text)
}

/** All of it at a glance. */
export function overviewOf(parts: TopicParts, range: Range, nowMs: number): Overview {
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
      senders: sendersOf(parts, nowMs),
      queues: queues
        .map(({ name, ready, oldestMs, inRate, outRate }) => ({
          name,
          ready,
          oldestMs,
          rate: Math.max(inRate, outRate),
        }))
        .slice(0, MOST),
      workers: workers
        .filter(({ status }) => status === 'online')
        .map(({ name, active, slots, queues: read }) => {
          return { name, busy: active.length, slots, rate: index.rates.worker.rate(name, nowMs), queues: read }
        })
        .slice(0, MOST),
    },
    attention: attentionOf(parts, workers, queues, nowMs),
    failing: failingOf(index, RANGE_MS[range], nowMs),
    next: timetable.next.slice(0, MOST_NEXT),
    asOfMs: Math.max(fleet.asOfMs, index.heardAtMs),
    ...(staleBecause !== undefined && { staleBecause }),
  }
}
