import type { Costs, Site } from './costs.ts'

/** Something of which there is only so much. */
export interface Resource {
  name: string
  /** Things of its kind that work side by side on one and the same waiting line. */
  servers: number
  /** How many such lines there are, evenly used. */
  lines: number
  /** Seconds of one server that a task takes, of all lines together. */
  perTask: number
  /** Seconds a second that are taken whatever the tasks, of all lines together. */
  always: number
  /** A task passes it on its way to its answer, so that its queue adds to the latency. */
  isOnTheWay: boolean
}

const MICROS = 1e-6

/** Events of a turn travel as lists of this many at most. */
const EVENT_BATCH = 100

/** How many results a worker sends to one gateway in one turn, when it sends any. */
export function resultsPerPack(site: Site, tasksPerS: number): number {
  const perTurn = (tasksPerS / site.workers / site.gateways) * (site.turnMs / 1_000)
  // Of a Poisson number, on the condition that it is not nought.
  return perTurn < 1e-9 ? 1 : perTurn / -Math.expm1(-perTurn)
}

/** Event messages a worker sends for each task: they are gathered for 20 ms. */
export function eventMessagesPerTask(site: Site, tasksPerS: number): number {
  if (site.listeners === 0) return 0
  const events = (tasksPerS / site.workers) * 0.02 * site.eventsPerTask
  const perMessage = Math.min(EVENT_BATCH, events < 1e-9 ? 1 : events / -Math.expm1(-events))
  return site.eventsPerTask / perMessage
}

/** Heartbeats that all workers send in a second. */
function beats({ workers, heartbeatS }: Site): number {
  return heartbeatS === 0 ? 0 : workers / heartbeatS
}

/** All that may run out, at a rate of tasks: what several messages share depends on it. */
export function resources(site: Site, costs: Costs, tasksPerS: number): Resource[] {
  const { workers, gateways, nodes, coresPerNode, replicas, queues, listeners } = site
  const isQuorum = replicas > 1
  const followers = replicas - 1
  // A client's node is the leader of its queue by chance.
  const hops = (nodes - 1) / nodes
  const packs = site.hasResults ? 1 / resultsPerPack(site, tasksPerS) : 0
  const eventMessages = eventMessagesPerTask(site, tasksPerS)
  const heard = listeners + (site.hasGossip ? workers - 1 : 0)
  const hop = hops * costs.brokerHop

  const stored = isQuorum
    ? costs.quorumBase + followers * (costs.quorumCopy + costs.quorumFollower)
    : costs.classicPublish + costs.classicDeliver
  const task = stored + 2 * hop + site.taskKiB * costs.brokerKiB * (1 + followers)
  // Results wait in a classic queue of each gateway.
  const result =
    packs * (costs.classicPublish + costs.classicDeliver + 2 * hop) +
    (site.hasResults ? site.resultKiB * costs.brokerKiB : 0)
  const event = costs.eventPublish + hop + listeners * (costs.eventDeliver + hop)
  const beat = costs.eventPublish + hop + heard * (costs.eventDeliver + hop)
  const connections = workers + gateways
  const amqpBeats = site.amqpHeartbeatS === 0 ? 0 : (2 * connections) / (site.amqpHeartbeatS / 2)
  const kib = (site.taskKiB * (2 + followers) + (site.hasResults ? 2 * site.resultKiB : 0)) / 1_024
  const queuesLed = Math.ceil(queues / nodes)

  return [
    {
      name: 'CPU of the RabbitMQ nodes',
      servers: coresPerNode,
      lines: nodes,
      perTask: (task + result + eventMessages * event) * MICROS,
      always: (beats(site) * beat + amqpBeats * costs.brokerBeat) * MICROS,
      isOnTheWay: true,
    },
    {
      name: 'process of a task queue',
      servers: 1,
      lines: queues,
      perTask: (isQuorum ? costs.quorumProcess : costs.classicProcess) * MICROS,
      always: 0,
      isOnTheWay: true,
    },
    {
      name: 'log of a node',
      servers: 1,
      lines: nodes,
      perTask: isQuorum ? Math.min(replicas, nodes) * costs.quorumLog * MICROS : 0,
      always: 0,
      isOnTheWay: isQuorum,
    },
    {
      name: 'network of the node that leads most queues',
      servers: 1,
      lines: 1,
      perTask: (kib / site.networkMibPerS) * (queuesLed / queues),
      always: 0,
      isOnTheWay: false,
    },
    {
      name: 'event loop of a worker',
      servers: 1,
      lines: workers,
      perTask: (costs.workerTask + (listeners > 0 ? site.eventsPerTask * costs.workerEvent : 0)) * MICROS,
      always: (site.hasGossip ? workers * beats(site) * costs.workerEvent : 0) * MICROS,
      isOnTheWay: true,
    },
    {
      name: 'slots of the workers',
      servers: workers * site.concurrency,
      lines: 1,
      perTask: site.taskMs / 1_000,
      always: 0,
      isOnTheWay: true,
    },
    {
      name: 'event loop of a gateway',
      servers: 1,
      lines: gateways,
      perTask: costs.gatewayRequest * MICROS,
      always: 0,
      isOnTheWay: true,
    },
    {
      name: 'event loop of a dashboard',
      servers: 1,
      lines: 1,
      perTask: listeners > 0 ? site.eventsPerTask * costs.dashboardEvent * MICROS : 0,
      always: listeners > 0 ? beats(site) * costs.dashboardEvent * MICROS : 0,
      isOnTheWay: false,
    },
  ]
}

/** How busy each server of it is, 0 to 1 and beyond. */
export function utilisation({ servers, lines, perTask, always }: Resource, tasksPerS: number): number {
  return (tasksPerS * perTask + always) / (servers * lines)
}
