import { isRecord } from '../../protocol/signature.ts'
import type { HeardEvent } from '../../fleet/listener.ts'
import type { GatewayList } from '../api-fleet.ts'

type GatewayRow = GatewayList['gateways'][number]
type RouteRow = GatewayRow['routes'][number]

/** Gateways that are known, and routes of each. */
const MOST_GATEWAYS = 1_000
const MOST_ROUTES = 500

/** A heartbeat that does not say how often it comes. */
const FREQ_S = 5

interface Known {
  readonly fields: Readonly<Record<string, unknown>>
  readonly heardAtMs: number
  readonly hasLeft: boolean
}

/** Gateways as they tell of themselves: `gateway-heartbeat`, `gateway-offline`. */
export class Gateways {
  readonly #known = new Map<string, Known>()

  get size(): number {
    return this.#known.size
  }

  /** True: one of these was of a gateway. */
  hear(events: readonly HeardEvent[]): boolean {
    let isOfGateways = false
    for (const { type, hostname, heardAtMs, fields } of events) {
      if (!type.startsWith('gateway-')) continue
      isOfGateways = true
      const known = this.#known.get(hostname)
      if (!known && this.#known.size >= MOST_GATEWAYS) continue
      const hasLeft = type === 'gateway-offline'
      this.#known.set(hostname, { fields: hasLeft && known ? known.fields : fields, heardAtMs, hasLeft })
    }
    return isOfGateways
  }

  has(name: string): boolean {
    return this.#known.has(name)
  }

  forget(beforeMs: number): void {
    for (const [name, { heardAtMs }] of this.#known) if (heardAtMs < beforeMs) this.#known.delete(name)
  }

  list(nowMs: number, staleBecause: string | undefined): GatewayList {
    const gateways = [...this.#known].map(([name, known]) => rowOf(name, known, nowMs))
    const heard = [...this.#known.values()].map(({ heardAtMs }) => heardAtMs)
    return {
      gateways: gateways.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      asOfMs: heard.length > 0 ? Math.max(...heard) : nowMs,
      ...(staleBecause !== undefined && { staleBecause }),
    }
  }
}

function rowOf(name: string, { fields, heardAtMs, hasLeft }: Known, nowMs: number): GatewayRow {
  const freqMs = Math.max(1, numberOf(fields['freq']) ?? FREQ_S) * 1000
  const isOnline = !hasLeft && nowMs < heardAtMs + 2 * freqMs
  const routes = Array.isArray(fields['routes']) ? (fields['routes'] as unknown[]) : []
  return {
    name: textOf(fields['name']) ?? name,
    url: textOf(fields['url']),
    status: hasLeft ? 'left' : isOnline ? 'online' : 'offline',
    inFlight: isOnline ? (numberOf(fields['inFlight']) ?? 0) : 0,
    routes: routes.slice(0, MOST_ROUTES).filter(isRecord).map(routeOf),
  }
}

function routeOf(route: Readonly<Record<string, unknown>>): RouteRow {
  return {
    method: textOf(route['method']) ?? '',
    path: textOf(route['path']) ?? '',
    task: textOf(route['task']),
    rate: numberOf(route['rate']) ?? 0,
    inFlight: numberOf(route['inFlight']) ?? 0,
    p50Ms: numberOf(route['p50Ms']),
    p95Ms: numberOf(route['p95Ms']),
    p99Ms: numberOf(route['p99Ms']),
    statuses: countsOf(route['statuses']),
    refusals: countsOf(route['refusals']),
  }
}

function countsOf(value: unknown): Readonly<Record<string, number>> {
  if (!isRecord(value)) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => numberOf(entry[1]) !== null),
  )
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, 1000) : null
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
