import amqp from 'amqplib'
import type { BenchCase, Row } from '../case.ts'
import { cpuOf } from '../cpu.ts'
import { bareSpeaker } from '../peers/bare-speaker.mjs'
import { BODY, headersOf } from '../peers/celery-message.mjs'
import { callsPerSecond, median } from '../side-by-side.ts'
import { type ClusterNode, openCluster } from '../systems/cluster.ts'
import { listenersOn } from '../systems/listeners.ts'
import { QueueWatch } from '../systems/queue-watch.ts'

const WINDOW = 1_000

/** What is done to queues. */
interface Scene {
  readonly nodes: readonly ClusterNode[]
  readonly vhost: string
  readonly count: number
  readonly rounds: number
}

/**
 * What a message costs RabbitMQ, for the [model](../model/README.md) of a large site: CPU time of a persistent message with
 * Celery's headers, published with a confirmation (1,000 in flight), and handed out and acknowledged (500 ahead), by a bare
 * speaker. On a classic queue, on a quorum queue of one member and of three, at the node that leads the queue and at another;
 * what of it is in the queue's own process; what 32 KiB more cost; and an event on a topic exchange that nobody hears, or two
 * do. Three nodes of one cluster on this machine.
 */
const rabbitmqCosts: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: 'costs of RabbitMQ', leftOut: 'no RabbitMQ on this machine' }]
  if (tiny) {
    const vhost = decodeURIComponent(new URL(amqpUrl).pathname.slice(1))
    const pid = listenersOn(Number(new URL(amqpUrl).port))[0] as number
    return await costsOf({ nodes: [{ url: amqpUrl, pid }], vhost, count: 200, rounds: 1 })
  }
  const { nodes, close } = await openCluster()
  try {
    return await costsOf({ nodes, vhost: '/', count: 10_000, rounds: 5 })
  } finally {
    await close()
  }
}
export default rabbitmqCosts

async function costsOf(scene: Scene): Promise<Row[]> {
  const rows: Row[] = []
  const [leader, other] = scene.nodes as readonly [ClusterNode, ClusterNode?]
  const member = (members: number): object => ({
    'x-queue-type': 'quorum',
    'x-quorum-initial-group-size': members,
  })
  await declare(leader.url, 'classic', {})
  await declare(leader.url, 'quorum-1', member(1))
  rows.push(...(await messageCosts(scene, 'classic queue', 'classic', leader)))
  rows.push(...(await messageCosts(scene, 'quorum queue of one', 'quorum-1', leader)))
  if (other) {
    await declare(leader.url, 'quorum-3', member(3))
    rows.push(...(await messageCosts(scene, 'quorum queue of three', 'quorum-3', leader)))
    rows.push(...(await messageCosts(scene, 'classic queue, from another node', 'classic', other)))
    rows.push(...(await messageCosts(scene, 'classic queue, 32 KiB', 'classic', leader, Buffer.alloc(32_768, 32))))
  }
  rows.push(...(await processCosts(scene, 'classic queue', 'classic')))
  if (other) {
    rows.push(...(await processCosts(scene, 'quorum queue of one', 'quorum-1')))
    rows.push(...(await processCosts(scene, 'quorum queue of three', 'quorum-3')))
  }
  rows.push(...(await eventCosts(scene)))
  return rows
}

/** CPU time of each node for a message, on its way in and on its way out. */
async function messageCosts(scene: Scene, what: string, queue: string, by: ClusterNode, body = BODY): Promise<Row[]> {
  const { nodes, count, rounds } = scene
  const names = nodes.length === 1 ? ['the node'] : ['the node that leads', 'the second', 'the third']
  const taken = { publish: [] as number[][], deliver: [] as number[][] }
  for (let round = 0; round < rounds; round++) {
    for (const [way, work] of [
      ['publish', () => publish(by.url, queue, count, body)],
      ['deliver', () => drain(by.url, queue, count)],
    ] as const) {
      const from = nodes.map(({ pid }) => cpuOf([pid]))
      await work()
      taken[way].push(nodes.map(({ pid }, i) => (cpuOf([pid]) - (from[i] as number)) / count))
    }
  }
  return Object.entries(taken).flatMap(([way, each]) =>
    names.map((name, i): Row => ({
      what: `${what}, ${way === 'publish' ? 'published' : 'handed out'}, ${name}`,
      value: median(each.map((nodes) => nodes[i] as number)),
      unit: 'µs',
      group: what,
    })),
  )
}

/** What a message takes of the process of its queue. */
async function processCosts({ nodes, vhost, count }: Scene, what: string, queue: string): Promise<Row[]> {
  const [leader] = nodes as readonly [ClusterNode]
  const rows: Row[] = []
  for (const [way, work] of [
    ['published', () => publish(leader.url, queue, count, BODY)],
    ['handed out', () => drain(leader.url, queue, count)],
  ] as const) {
    const watch = await QueueWatch.start(leader.pid, vhost, queue)
    await work()
    const { queue: own, log } = await watch.micros()
    const group = `${what}, its process`
    rows.push({ what: `${group}, ${way}`, value: own / count, unit: 'µs', group })
    if (queue !== 'classic') {
      rows.push({ what: `${group}, the log of the node, ${way}`, value: log / count, unit: 'µs', group })
    }
  }
  return rows
}

async function declare(url: string, queue: string, queueArguments: object): Promise<void> {
  const connection = await amqp.connect(url)
  const channel = await connection.createChannel()
  await channel.assertQueue(queue, { durable: true, arguments: queueArguments })
  await connection.close()
}

async function publish(url: string, queue: string, count: number, body: Buffer): Promise<void> {
  const speaker = await bareSpeaker(url)
  await speaker.confirm()
  const headers = headersOf({ ignoreResult: true })
  await callsPerSecond(
    count,
    WINDOW,
    () =>
      new Promise<void>((done) =>
        speaker.publish(queue, { body, headers, persistent: true, correlationId: headers.id }, done),
      ),
  )
  speaker.close()
}

async function drain(url: string, queue: string, count: number): Promise<void> {
  const speaker = await bareSpeaker(url)
  await speaker.prefetch(500)
  let left = count
  await new Promise<void>((resolve) => {
    void speaker.consume(queue, false, ({ tag }) => {
      speaker.ack(tag)
      if (--left === 0) resolve()
    })
  })
  // Answered behind the acknowledgements, which are part of the work.
  await speaker.prefetch(500)
  speaker.close()
}

/** An event message of 1 KiB, as workers tell them: neither stored nor confirmed. */
async function eventCosts({ nodes, count, rounds }: Scene): Promise<Row[]> {
  const [{ url, pid }] = nodes as readonly [ClusterNode]
  const body = Buffer.alloc(1_024, 32)
  const cost = async (listeners: number): Promise<number> => {
    const connection = await amqp.connect(url)
    const channel = await connection.createChannel()
    await channel.assertExchange('celeryev', 'topic', { durable: true })
    let left = count * listeners
    let allHeard = (): void => {}
    const heard = new Promise<void>((resolve) => (allHeard = resolve))
    for (let i = 0; i < listeners; i++) {
      const { queue } = await channel.assertQueue('', { exclusive: true, durable: false })
      await channel.bindQueue(queue, 'celeryev', '#')
      await channel.consume(queue, () => --left === 0 && allHeard(), { noAck: true })
    }
    const from = cpuOf([pid])
    for (let i = 0; i < count; i++) {
      if (!channel.publish('celeryev', 'task.multi', body)) {
        await new Promise<void>((resolve) => channel.once('drain', () => resolve()))
      }
    }
    if (listeners > 0) await heard
    // Answered behind the last event.
    await channel.checkExchange('celeryev')
    const took = (cpuOf([pid]) - from) / count
    await connection.close()
    return took
  }
  const taken: { listeners: number; micros: number }[] = []
  for (let round = 0; round < rounds; round++) {
    for (const listeners of [0, 2]) taken.push({ listeners, micros: await cost(listeners) })
  }
  return [0, 2].map((listeners) => ({
    what: `an event, heard by ${listeners === 0 ? 'nobody' : 'two'}`,
    value: median(taken.filter((one) => one.listeners === listeners).map(({ micros }) => micros)),
    unit: 'µs',
    group: 'events',
  }))
}
