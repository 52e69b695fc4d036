import type { BenchCase, Row } from '../case.ts'
import { MEASURED, THE_SITE, type Site } from '../model/costs.ts'
import { capacity, connectionMemory, latencyMs, limits, mingleS } from '../model/model.ts'

/** The sites that are compared: each is THE_SITE but for what it names. */
const SITES: Readonly<Record<string, Partial<Site>>> = {
  'one quorum queue': {},
  '12 quorum queues': { queues: 12 },
  '12 classic queues': { queues: 12, replicas: 1 },
  '12 quorum queues, nobody listens': { queues: 12, listeners: 0 },
  '12 quorum queues, results ignored': { queues: 12, listeners: 0, hasResults: false },
  '12 quorum queues, gossip': { queues: 12, hasGossip: true },
}

/** Reads the model of bench/model: no measuring. It says where 1,000 workers and 100 gateways on one cluster end. */
const model: BenchCase = () => {
  const rows: Row[] = []
  for (const [name, change] of Object.entries(SITES)) {
    const site = { ...THE_SITE, ...change }
    const [first, second] = limits(site, MEASURED)
    const most = capacity(site, MEASURED)
    const next = second && `then ${second.name}: ${Math.round(second.tasksPerS).toLocaleString('en-US')}/s`
    rows.push({ what: name, value: most, unit: '/s', note: [first?.name, next].filter(Boolean).join('; ') })
    for (const share of [0.2, 0.5, 0.8, 0.95]) {
      const what = `${name}, latency at ${share * 100} %`
      rows.push({ what, value: latencyMs(site, MEASURED, share * most), unit: 'ms' })
    }
  }
  rows.push({ what: 'memory for connections, of what there is', value: connectionMemory(THE_SITE), unit: 'x' })
  rows.push({
    what: 'all workers start at once: the cluster is busy for',
    value: mingleS(THE_SITE, MEASURED),
    unit: 's',
  })
  return rows
}
export default model
