import type { AmqpBroker } from '../../../src/broker/amqp/amqp-broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import type { RabbitmqNode } from '../../services/rabbitmq-node.ts'
import { lovage } from '../../../src/index.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'
import { TcpProxy } from '../../services/tcp-proxy.ts'
import { type Deployment, type Part, until } from '../deployment.ts'
import type { Report } from '../recovery.ts'
import { checkQueue, play, type RoundOptions } from '../round.ts'
import type { Fault } from './faults.ts'

/** RabbitMQ looks for messages that are held too long once a minute; as its advanced.config, twice a second. */
export const FAST_TICK = '[{rabbit, [{channel_tick_interval, 500}]}].'

/** Plays one fault under load, as {@link play} does. */
export async function playRound(fault: Fault, options: RoundOptions<RabbitmqNode>): Promise<Report[]> {
  const { node, round, workers, longMs } = options
  await fault.prepare?.(node)
  return await play({
    fault: fault.name,
    round,
    workers,
    open: (queue, app) => open(node.url(), queue, app, fault.heartbeatS(round)),
    strike: (deployments) => fault.strike({ node, deployments, round, longMs }),
    checkLeftovers: (deployments) => checkLeftovers(node, deployments),
  })
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
  const broker = openBroker(node.url(), PATIENT_BROKER)
  await broker.start()
  try {
    for (const one of deployments) {
      await checkQueue(broker, one, (app, client) =>
        until(`${app} holds no message any more`, () => (client.broker as AmqpBroker).publishing === 0),
      )
    }
  } finally {
    for (const { queue } of deployments) await broker.admin?.deleteQueue(queue).catch(() => {})
    await broker.stop()
  }
}
