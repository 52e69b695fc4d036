import { join } from 'node:path'
import { ROOT } from '../../scripts/steps.mjs'
import type { BenchCase, Row } from '../case.ts'
import { type Costs, THE_SITE, type Site } from '../model/costs.ts'
import { knownCosts, microsOf } from '../model/known-costs.ts'
import { capacity, connectionMemory, latencyMs, limits, mingleS } from '../model/model.ts'
import { readResults } from '../rendering/results.ts'

/** The sites that are compared: each is THE_SITE but for what it names. */
const SITES: Readonly<Record<string, Partial<Site>>> = {
  'one quorum queue': {},
  'one classic queue': { replicas: 1 },
  '12 quorum queues': { queues: 12 },
  '12 classic queues': { queues: 12, replicas: 1 },
  '12 quorum queues, nobody listens': { queues: 12, listeners: 0 },
  '12 quorum queues, results ignored': { queues: 12, listeners: 0, hasResults: false },
  '12 quorum queues, gossip': { queues: 12, hasGossip: true },
  '12 quorum queues, nobody listens, 10 gateways': { queues: 12, listeners: 0, gateways: 10 },
  '20 quorum queues on five nodes, nobody listens': { queues: 20, listeners: 0, nodes: 5 },
}

/** Sites whose resources are drawn over the number of queues. */
const CURVES: Readonly<Record<string, Partial<Site>>> = {
  'quorum queues: tasks a second that each can do': {},
  'classic queues: tasks a second that each can do': { replicas: 1 },
}

/** What is drawn of them, by a short name; the others end far beyond. */
const DRAWN: Readonly<Record<string, string>> = {
  'CPU of the RabbitMQ nodes': 'RabbitMQ’s cores',
  'process of a task queue': 'the queues',
  'log of a node': 'the logs',
  'event loop of a dashboard': 'a dashboard',
  'event loop of a gateway': 'the gateways',
}

/**
 * Where 1,000 workers and 100 gateways on one cluster of three nodes end, by the [model](../model/README.md): it measures
 * nothing, and takes what the cases before it have measured. The first table has the costs, with where each is from.
 */
const model: BenchCase = () => {
  const results = readResults(join(ROOT, 'bench', 'report'))
  const known = knownCosts(Object.fromEntries(Object.entries(results).map(([name, { rows }]) => [name, rows])))
  const costs = microsOf(known)
  const rows: Row[] = Object.entries(known).map(([name, { micros, source }]) => ({
    what: `cost: ${name}`,
    value: micros,
    unit: 'µs',
    note: source,
    group: 'what a step costs',
  }))
  for (const [name, change] of Object.entries(SITES)) rows.push(...siteRows(name, { ...THE_SITE, ...change }, costs))
  for (const [curve, change] of Object.entries(CURVES)) {
    for (const queues of [1, 2, 3, 6, 12, 24, 48])
      rows.push(...pointsOf(curve, { ...THE_SITE, ...change, queues }, costs))
  }
  rows.push({ what: 'memory for connections, of what there is', value: connectionMemory(THE_SITE) * 100, unit: '%' })
  rows.push({
    what: 'all workers start at once: the cluster is busy for',
    value: mingleS(THE_SITE, costs),
    unit: 's',
  })
  return rows
}
export default model

function siteRows(name: string, site: Site, costs: Costs): Row[] {
  const [first, second] = limits(site, costs)
  const most = capacity(site, costs)
  const next = second && `then ${second.name}: ${Math.round(second.tasksPerS).toLocaleString('en-US')}/s`
  return [
    { what: name, value: most, unit: '/s', note: [first?.name, next].filter(Boolean).join('; ') },
    ...[0.5, 0.95].map((share) => ({
      what: `${name}, latency at ${share * 100} %`,
      value: latencyMs(site, costs, share * most),
      unit: 'ms',
    })),
  ]
}

/** How much each resource of a site can do; the lowest of them is where it ends. */
function pointsOf(curve: string, site: Site, costs: Costs): Row[] {
  return limits(site, costs).flatMap(({ name, tasksPerS }) => {
    const contender = DRAWN[name]
    if (contender === undefined || !Number.isFinite(tasksPerS)) return []
    const what = `${curve}: ${contender}, ${site.queues} queues`
    return [{ what, value: tasksPerS, unit: '/s', contender, at: { curve, x: site.queues, axis: 'queues' } }]
  })
}
