import type { Costs, Site } from './costs.ts'
import { sojourn } from './queueing.ts'
import { resources, utilisation, type Resource } from './resources.ts'

/** What a resource can do at most. */
export interface Limit {
  name: string
  /** Tasks a second with which it is busy all the time. */
  tasksPerS: number
}

/** No site has more tasks a second than this. */
const MOST_TASKS_PER_S = 1e9

/** How much each resource can do, the least first: that is the bottleneck. */
export function limits(site: Site, costs: Costs): Limit[] {
  const names = resources(site, costs, 1).map(({ name }) => name)
  return names
    .map((name, i) => ({ name, tasksPerS: limitOf(site, costs, i) }))
    .toSorted((a, b) => a.tasksPerS - b.tasksPerS)
}

/** Where the site ends: tasks a second of its bottleneck. */
export function capacity(site: Site, costs: Costs): number {
  return (limits(site, costs)[0] as Limit).tasksPerS
}

/** By halving: what messages share grows with the rate, so that no formula says it. Utilisation rises with the rate. */
function limitOf(site: Site, costs: Costs, index: number): number {
  const isFull = (rate: number): boolean => utilisation(resources(site, costs, rate)[index] as Resource, rate) >= 1
  let [low, high] = [0, 1]
  while (!isFull(high) && high < MOST_TASKS_PER_S) [low, high] = [high, high * 2]
  if (high >= MOST_TASKS_PER_S) return Infinity
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (isFull(middle)) high = middle
    else low = middle
  }
  return high
}

/** Mean milliseconds from the request to its answer; `Infinity` where the site cannot keep up. */
export function latencyMs(site: Site, costs: Costs, tasksPerS: number): number {
  // Client to broker, broker to worker, and the same back; a quorum is another way there and back, and a write that is waited
  // for. The answer waits for no disk: it is handed on before.
  const ways = site.hasResults ? 2 : 1
  let ms = site.roundTripMs * ways + (site.replicas > 1 ? site.roundTripMs + site.fsyncMs : 0)
  for (const resource of resources(site, costs, tasksPerS)) {
    if (utilisation(resource, tasksPerS) >= 1) return Infinity
    if (!resource.isOnTheWay) continue
    const { servers, lines, perTask, always } = resource
    // What is always there takes its share of the servers; what is left is waited for.
    const left = Math.max(0, 1 - always / (servers * lines))
    ms += sojourn(servers, (perTask * 1_000) / left, tasksPerS / lines / 1_000)
  }
  return ms
}

/** What connections and channels take of RabbitMQ's memory, as a share of what it has for them. */
export function connectionMemory(site: Site): number {
  const { workers, gateways, nodes, channelsPerWorker } = site
  const kib = (workers + gateways) * site.connectionKiB + (workers * channelsPerWorker + gateways * 4) * site.channelKiB
  return kib / 1_024 / (site.connectionMemoryMiB * nodes)
}

/** Seconds of broker CPU that a start of all workers at once takes: each asks all others what is revoked, and all answer. */
export function mingleS({ workers, nodes, coresPerNode }: Site, costs: Costs): number {
  const messages = workers * (workers - 1)
  const asked = messages * costs.eventDeliver
  const answered = messages * (costs.eventPublish + costs.eventDeliver)
  return ((asked + answered) * 1e-6) / (nodes * coresPerNode)
}
