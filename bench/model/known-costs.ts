import type { Figure, Row } from '../case.ts'
import type { Costs } from './costs.ts'

/** A cost, and where it is from. */
export interface Cost {
  readonly micros: number
  readonly source: string
}

/** What was measured last, by the name of the case. */
export type Measured = Readonly<Record<string, readonly Row[]>>

/** How a cost is read from what a case has measured, and what it was when this was written. */
interface Known {
  readonly micros: number
  /** The case that measures it; without it the cost is a guess. */
  readonly from?: string
  readonly read?: (figures: readonly Figure[]) => number
}

/** Of figures whose names begin so, the sum; NaN where there are none. */
function sum(figures: readonly Figure[], ...beginnings: readonly string[]): number {
  let all = 0
  for (const beginning of beginnings) {
    const of = figures.filter(({ what }) => what.startsWith(beginning))
    if (of.length === 0) return NaN
    all += of.reduce((micros, { value }) => micros + value, 0)
  }
  return all
}

const RABBITMQ = 'rabbitmq-costs'
const both = (what: string): [string, string] => [`${what}, published`, `${what}, handed out`]

/** Where it was not measured again, what it was on two cores, RabbitMQ 3.10 and Node 20. */
const KNOWN: { readonly [Name in keyof Costs]: Known } = {
  gatewayRequest: {
    micros: 84,
    from: 'gateway',
    read: (figures) =>
      figures.find(({ what }) => what.endsWith('CPU of our gateway alone, each request'))?.value ?? NaN,
  },
  workerTask: { micros: 34, from: 'profile', read: (figures) => sum(figures, 'RabbitMQ, worker: ') },
  workerEvent: { micros: 6 },
  dashboardEvent: {
    micros: 6,
    from: 'dashboard-ingest',
    read: (figures) => 1e6 / (figures.find(({ what }) => what.includes('per CPU second'))?.value ?? NaN),
  },
  classicPublish: { micros: 72, from: RABBITMQ, read: (figures) => sum(figures, 'classic queue, published') },
  classicDeliver: { micros: 58, from: RABBITMQ, read: (figures) => sum(figures, 'classic queue, handed out') },
  quorumBase: { micros: 51, from: RABBITMQ, read: (figures) => sum(figures, ...both('quorum queue of one')) },
  quorumCopy: {
    micros: 8,
    from: RABBITMQ,
    read: (figures) =>
      Math.max(
        0,
        (sum(figures, ...both('quorum queue of three').map((way) => `${way}, the node that leads`)) -
          sum(figures, ...both('quorum queue of one'))) /
          2,
      ),
  },
  quorumFollower: {
    micros: 30,
    from: RABBITMQ,
    read: (figures) =>
      sum(figures, ...both('quorum queue of three').flatMap((way) => [`${way}, the second`, `${way}, the third`])) / 2,
  },
  brokerHop: {
    micros: 20,
    from: RABBITMQ,
    read: (figures) =>
      Math.max(
        0,
        (sum(figures, ...both('classic queue, from another node')) - sum(figures, ...both('classic queue'))) / 2,
      ),
  },
  brokerKiB: {
    micros: 7,
    from: RABBITMQ,
    read: (figures) =>
      Math.max(0, (sum(figures, ...both('classic queue, 32 KiB')) - sum(figures, ...both('classic queue'))) / 32),
  },
  classicProcess: {
    micros: 37,
    from: RABBITMQ,
    read: (figures) => sum(figures, 'classic queue, its process, published', 'classic queue, its process, handed out'),
  },
  quorumProcess: {
    micros: 11,
    from: RABBITMQ,
    read: (figures) =>
      sum(figures, 'quorum queue of three, its process, published', 'quorum queue of three, its process, handed out'),
  },
  quorumLog: {
    micros: 4,
    from: RABBITMQ,
    read: (figures) => sum(figures, 'quorum queue of three, its process, the log of the node'),
  },
  eventPublish: { micros: 10, from: RABBITMQ, read: (figures) => sum(figures, 'an event, heard by nobody') },
  eventDeliver: {
    micros: 39,
    from: RABBITMQ,
    read: (figures) => (sum(figures, 'an event, heard by two') - sum(figures, 'an event, heard by nobody')) / 2,
  },
  brokerBeat: { micros: 10 },
}

/** Each cost as it was measured last, or as it is known here. */
export function knownCosts(measured: Measured): Readonly<Record<keyof Costs, Cost>> {
  const costs = Object.entries(KNOWN).map(([name, { micros, from, read }]: [string, Known]) => {
    if (from === undefined || !read) return [name, { micros, source: 'a guess' }] as const
    const figures = (measured[from] ?? []).filter((row): row is Figure => !('leftOut' in row))
    const now = read(figures)
    return Number.isFinite(now)
      ? ([name, { micros: now, source: `case \`${from}\`` }] as const)
      : ([name, { micros, source: `an earlier run of case \`${from}\`` }] as const)
  })
  return Object.fromEntries(costs) as Record<keyof Costs, Cost>
}

/** The costs without their sources. */
export function microsOf(costs: Readonly<Record<keyof Costs, Cost>>): Costs {
  return Object.fromEntries(Object.entries(costs).map(([name, { micros }]) => [name, micros])) as unknown as Costs
}

/** As they are known without a measurement at hand. */
export const MEASURED: Costs = microsOf(knownCosts({}))
