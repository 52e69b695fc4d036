import type { AmqpBroker } from '../../../src/broker/amqp/amqp-broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import type { RabbitmqNode } from '../../services/rabbitmq-node.ts'
import { lovage } from '../../../src/index.ts'
import { TcpProxy } from '../../services/tcp-proxy.ts'
import { Deployment, type Part, until } from '../deployment.ts'
import { lastLines, nothingInHand, recover, type Report, SOME } from '../recovery.ts'
import type { Fault } from './faults.ts'

/** What a round is played with. */
export interface RoundOptions {
  readonly node: RabbitmqNode
  readonly round: number
  /** Workers of each deployment; all deployments are hurt by the one fault. */
  readonly workers: readonly number[]
  readonly longMs: number
}

/** RabbitMQ looks for messages that are held too long once a minute; as its advanced.config, twice a second. */
export const FAST_TICK = '[{rabbit, [{channel_tick_interval, 500}]}].'

let rounds = 0

/**
 * Plays one fault under load, and checks that nothing is lost, hangs, or is left behind.
 * @throws Error that says what was broken, with the last lines of the log
 */
export async function playRound(fault: Fault, { node, round, workers, longMs }: RoundOptions): Promise<Report[]> {
  const lines: string[] = []
  const end = lastLines(lines)
  const name = `fault-${++rounds}`
  const deployments: Deployment[] = []
  try {
    await fault.prepare?.(node)
    for (const count of workers) {
      const heartbeatS = fault.heartbeatS(round)
      const queue = `${name}-${count}`
      deployments.push(await Deployment.start(queue, count, (app) => open(node.url(), queue, app, heartbeatS)))
    }
    await Promise.all(deployments.map((one) => one.beginGated()))
    for (const one of deployments) one.beginLoad()
    await Promise.all(deployments.map((one) => one.outcomes(SOME)))
    const backMs = await fault.strike({ node, deployments, round, longMs })
    const reports = await Promise.all(deployments.map((one) => recover(one, backMs)))
    await checkLeftovers(node, deployments)
    await Promise.all(deployments.splice(0).map((one) => one.stop()))
    return reports
  } catch (error) {
    throw new Error(`${fault.name}, round ${round}: ${String(error)}\n${lines.join('\n')}`, { cause: error })
  } finally {
    await Promise.allSettled(deployments.map((one) => one.stop()))
    end()
  }
}

async function open(
  url: string,
  queue: string,
  name: string,
  heartbeatS: number,
): Promise<Pick<Part, 'app' | 'proxy'>> {
  const { hostname, port } = new URL(url)
  const proxy = await TcpProxy.start({ host: hostname, port: Number(port) })
  const broker = `${proxy.urlFor(url)}?heartbeat=${heartbeatS}`
  return { app: lovage(name, { broker, defaultQueue: queue }, { env: {} }), proxy }
}

async function checkLeftovers(node: RabbitmqNode, deployments: readonly Deployment[]): Promise<void> {
  const broker = openBroker(node.url())
  await broker.start()
  try {
    for (const one of deployments) {
      const { queue, parts, workers } = one
      await until(`queue ${queue} is empty and read by ${workers.length}`, async () => {
        const depth = await broker.admin?.depth(queue)
        return depth?.messages === 0 && depth.consumers === workers.length
      })
      await nothingInHand(one)
      const dead = await broker.admin?.depth(`${queue}.dead`)
      if (dead && dead.messages > 0) throw new Error(`${dead.messages} messages are among the dead letters of ${queue}`)
      for (const { app } of parts) {
        const { backend, broker: own } = await app.client()
        if (backend.waiting > 0) throw new Error(`${backend.waiting} results are still waited for in ${app.name}`)
        await until(`${app.name} holds no message any more`, () => (own as AmqpBroker).publishing === 0)
      }
    }
  } finally {
    for (const { queue } of deployments) await broker.admin?.deleteQueue(queue).catch(() => {})
    await broker.stop()
  }
}
