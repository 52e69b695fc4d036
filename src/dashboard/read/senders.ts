import type { Overview } from '../api.ts'
import type { Gateways } from '../fleet/gateways.ts'
import { type KnownTasks, OF_TASKS } from '../tasks/known-tasks.ts'
import type { Timetable } from './timetable.ts'

type Sender = Overview['flow']['senders'][number]

/** What tells who is who. */
interface Parts {
  readonly index: Pick<KnownTasks, 'rates' | 'clientOf'>
  readonly fleet: { readonly gateways: Pick<Gateways, 'has'> }
  readonly timetable: Pick<Timetable, 'sent'>
}

/** Names in the list. */
const MOST = 50

/**
 * Who sends how many tasks a second. A process that sends is known by its pid and host, whatever it is (Celery's
 * `gen1234@host`): a gateway is the one that tells of itself with the same ones, a beat the one that has sent what a
 * schedule was due for. What tasks send themselves, or what follows them, is told as of the workers.
 */
export function sendersOf({ index, fleet, timetable }: Parts, nowMs: number): Sender[] {
  const { sender } = index.rates
  const beats = new Set<string | null>(timetable.sent.map((id) => index.clientOf(id)))
  const senders = new Map<string, Sender>()
  for (const key of sender.keys(nowMs)) {
    const gateway = [key, key.replace(/^gen/, 'gateway-')].find((name) => fleet.gateways.has(name))
    const isBeat = beats.has(key) || /(^|[.@-])beat([.@-]|$)/.test(key)
    const kind = key === OF_TASKS ? 'worker' : gateway !== undefined ? 'gateway' : isBeat ? 'beat' : 'client'
    const name = gateway ?? (isBeat ? 'beat' : key)
    const rate = sender.rate(key, nowMs) + (senders.get(name)?.rate ?? 0)
    senders.set(name, { name, kind, rate })
  }
  return [...senders.values()].toSorted((a, b) => b.rate - a.rate).slice(0, MOST)
}
