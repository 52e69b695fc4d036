import { sleep, systemClock } from '../../../src/base/clock.ts'
import { onLog } from '../../../src/base/log.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { textMessage } from '../../../src/testing/broker/scene.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'
import type { RabbitmqNode } from '../../services/rabbitmq-node.ts'
import { type Deployment, until } from '../deployment.ts'
import { byDefault, either, halfOpen, halt, type Hurt, hurtOnes, noticed, openAmid } from '../hurt.ts'

type Scene = Hurt<RabbitmqNode>

/** One way to hurt. */
export interface Fault {
  readonly name: string
  /** Seconds between heartbeats in this round; 30 is what connections have by default. */
  readonly heartbeatS: (round: number) => number
  /** Done before anybody connects. */
  readonly prepare?: (node: RabbitmqNode) => Promise<unknown>
  /** Does it and undoes it; resolves to when the broker was back for each part, `performance.now()`. */
  readonly strike: (scene: Scene) => Promise<number>
}

const bySilence = (): number => 1

/** What RabbitMQ and the way to it can do to us, in the order in which the rounds go. */
export const FAULTS: readonly Fault[] = [
  { name: 'broker stopped for a second', heartbeatS: byDefault, strike: (scene) => halt(scene, 1000) },
  { name: 'broker stopped for long', heartbeatS: either, strike: (scene) => halt(scene, scene.longMs) },
  { name: 'broker killed and started', heartbeatS: byDefault, strike: kill },
  { name: 'black hole', heartbeatS: bySilence, strike: blackHole },
  { name: 'half-open socket', heartbeatS: bySilence, strike: halfOpen },
  { name: 'channel closed', heartbeatS: byDefault, prepare: (node) => holdAtMost(node, 3_000), strike: closeChannels },
  { name: 'consumer cancelled', heartbeatS: byDefault, strike: deleteQueues },
  { name: 'memory alarm', heartbeatS: byDefault, strike: alarm },
  { name: 'restart with results on their way', heartbeatS: byDefault, strike: restartWithResults },
]

async function kill({ node, deployments }: Scene): Promise<number> {
  // RabbitMQ itself writes down a new queue up to two seconds late; killed before, it forgets queue and messages.
  await node.ctl('eval', 'mnesia:sync_log().')
  await node.kill()
  openAmid(deployments)
  await node.start()
  return performance.now()
}

async function blackHole(scene: Scene): Promise<number> {
  const parts = hurtOnes(scene)
  const fromMs = performance.now()
  for (const { proxy } of parts) proxy.mode = 'black-hole'
  openAmid(scene.deployments)
  await noticed(parts, fromMs)
  for (const { proxy } of parts) {
    proxy.mode = 'open'
    // What was sent into the hole is gone; a wire that is mended tells so to whoever still waits.
    proxy.cut()
  }
  return performance.now()
}

/** What RabbitMQ grants to channels that are opened from now on. */
function holdAtMost(node: RabbitmqNode, ms: number): Promise<unknown> {
  return node.ctl('eval', `application:set_env(rabbit, consumer_timeout, ${ms}).`)
}

/** The channels that consume are closed for a message held too long, the ones that publish for an exchange that is not. */
async function closeChannels({ node, deployments }: Scene): Promise<number> {
  const channels = deployments.flatMap(({ workers }) => workers).length
  const closed = heard('a consumer has no channel, opening another')
  try {
    const restored = holdAtMost(node, 1_800_000)
    const to = { exchange: 'there is none', routingKey: 'x' }
    for (const { client } of deployments) {
      const { broker } = await client.app.client()
      await broker.publish(textMessage('x'), to, { timeoutMs: 30_000 }).catch(() => {})
    }
    openAmid(deployments)
    await closed.times(channels)
    await restored
  } finally {
    closed.end()
  }
  return performance.now()
}

/** Deleted when nothing waits in it: what waits would be gone with it, and is meant to be. */
async function deleteQueues({ node, deployments }: Scene): Promise<number> {
  const broker = openBroker(node.url(), PATIENT_BROKER)
  await broker.start()
  try {
    await Promise.all(deployments.map((one) => one.endLoad()))
    for (const one of deployments) {
      const gated = one.gated.amid.length + one.gated.after.length
      await until('only tasks that run through the fault are left', () => one.missing.length === gated)
    }
    for (const { queue } of deployments) await broker.admin?.deleteQueue(queue)
    const atMs = performance.now()
    openAmid(deployments)
    for (const one of deployments) one.beginLoad()
    return atMs
  } finally {
    await broker.stop()
  }
}

/** Long enough that acknowledgements, which RabbitMQ does not read meanwhile, are missed. */
async function alarm({ node, deployments }: Scene): Promise<number> {
  const blocked = heard('the broker takes no messages')
  try {
    await node.memoryAlarm(true)
    openAmid(deployments)
    // Of each deployment the client and a worker: who publishes nothing is not told.
    await blocked.times(2 * deployments.length)
    await sleep(systemClock, 500)
  } finally {
    blocked.end()
    await node.memoryAlarm(false)
  }
  return performance.now()
}

/** The clients read nothing, so that results gather between the broker and them; what the sockets hold goes with them. */
async function restartWithResults({ node, deployments }: Scene): Promise<number> {
  const succeeded = (one: Deployment): number =>
    one.workers.reduce((sum, { worker }) => sum + worker.stats().succeeded, 0)
  const before = deployments.map(succeeded)
  for (const { client } of deployments) client.proxy.mode = 'stalled'
  openAmid(deployments)
  await until('results are on their way', () =>
    deployments.every((one, index) => succeeded(one) >= (before[index] as number) + one.gated.amid.length),
  )
  await node.stop()
  for (const { client } of deployments) {
    client.proxy.cut()
    client.proxy.mode = 'open'
  }
  await node.start()
  return performance.now()
}

/** Counts the log lines of one message. */
function heard(message: string): { times: (count: number) => Promise<void>; end: () => void } {
  let seen = 0
  const end = onLog((record) => void (record.message === message && seen++))
  const times = (count: number): Promise<void> =>
    until(
      () => `"${message}" was said ${count} times, of ${seen} so far`,
      () => seen >= count,
    )
  return { times, end }
}
