/** CPU time of one step, in microseconds on one core of the machine that the figures are from. */
export interface Costs {
  /** A request in the gateway: HTTP, sending, reading the result, answering. */
  gatewayRequest: number
  /** A task that does nothing in its worker: reading, running, result, acknowledgement. */
  workerTask: number
  /** Each event that a worker tells: one of a batch. */
  workerEvent: number
  /** Each event that a dashboard hears. */
  dashboardEvent: number
  /** A persistent message on a classic queue: taken, routed, stored, confirmed. */
  classicPublish: number
  /** The same message handed out, and the acknowledgement of it. */
  classicDeliver: number
  /** All of both on a quorum queue of one member. */
  quorumBase: number
  /** Beside these, for each follower: at the leader, and at the follower. */
  quorumCopy: number
  quorumFollower: number
  /** A message that comes over one node of the cluster to a queue on another, or leaves so. */
  brokerHop: number
  /** Each KiB of a message's body, on its way in and out. */
  brokerKiB: number
  /** Of the above, what one queue does in its own process, of which there is one: it has one core at most. */
  classicProcess: number
  quorumProcess: number
  /** What the log of a node does, which all its quorum queues share, and of which there is one as well. */
  quorumLog: number
  /** An event message, which is neither stored nor confirmed: taken, and handed to each who hears it. */
  eventPublish: number
  eventDeliver: number
  /** A heartbeat of AMQP, each way. */
  brokerBeat: number
}

/** What is modelled. Rates are in tasks a second, times in milliseconds, sizes in KiB. */
export interface Site {
  workers: number
  /** Slots of a worker: tasks that it runs at a time. */
  concurrency: number
  gateways: number
  nodes: number
  coresPerNode: number
  /** Copies of a message, its leader's included; 1 is a classic queue. */
  replicas: number
  /** Queues that the tasks are spread over, each led by one node, evenly. */
  queues: number
  /** How long a task takes, most of it waiting for somebody else. */
  taskMs: number
  taskKiB: number
  resultKiB: number
  /** Whether results are awaited; they go to a classic queue of each gateway. */
  hasResults: boolean
  /** Programs that hear all events (dashboards); 0 where workers tell none of tasks. */
  listeners: number
  eventsPerTask: number
  /** Of a worker, in seconds; 0 is none. */
  heartbeatS: number
  /** Whether workers hear each other's heartbeats, as Celery's do; Lovage's do not. */
  hasGossip: boolean
  /** Of each connection, in seconds. */
  amqpHeartbeatS: number
  /** A turn of the event loop: what is written in one is sent as one. */
  turnMs: number
  /** A write to the disk of a node that is waited for. */
  fsyncMs: number
  /** From one machine to another and back. */
  roundTripMs: number
  networkMibPerS: number
  /** Memory that RabbitMQ has for connections and channels, in MiB, and what one of either takes, in KiB. */
  connectionMemoryMiB: number
  connectionKiB: number
  channelsPerWorker: number
  channelKiB: number
}

export const THE_SITE: Site = {
  workers: 1_000,
  concurrency: 100,
  gateways: 100,
  nodes: 3,
  coresPerNode: 16,
  replicas: 3,
  queues: 1,
  taskMs: 50,
  taskKiB: 1,
  resultKiB: 0.3,
  hasResults: true,
  listeners: 2,
  eventsPerTask: 3,
  heartbeatS: 2,
  hasGossip: false,
  amqpHeartbeatS: 30,
  turnMs: 1,
  fsyncMs: 2,
  roundTripMs: 0.5,
  networkMibPerS: 1_100,
  connectionMemoryMiB: 8_192,
  connectionKiB: 100,
  channelsPerWorker: 5,
  channelKiB: 30,
}
