import { openBackend } from '../../../src/backend/open.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { lovage } from '../../../src/index.ts'
import type { RedisNode } from '../../services/redis-node.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'
import { TcpProxy } from '../../services/tcp-proxy.ts'
import { type Deployment, type Part, until } from '../deployment.ts'
import type { Report } from '../recovery.ts'
import { checkQueue, play, type RoundOptions } from '../round.ts'
import { command, type Fault } from './faults.ts'

/** Arguments of a server in these rounds: a copy of it is made at once, and not when more might want one. */
export const NO_DELAY = ['--repl-diskless-sync-delay', '0']

/** Plays one fault under load, as {@link play} does. */
export async function playRound(fault: Fault, options: RoundOptions<RedisNode>): Promise<Report[]> {
  const { node, round, workers, longMs } = options
  let heir: RedisNode | undefined
  await command(node, 'FLUSHALL')
  try {
    return await play({
      fault: fault.name,
      round,
      workers,
      fill: true,
      open: (queue, app) => open(node, queue, app, fault.heartbeatS(round)),
      strike: async (deployments) => {
        const struck = await fault.strike({ node, deployments, round, longMs })
        heir = struck.heir
        return struck.backMs
      },
      checkLeftovers: (deployments) => checkLeftovers(heir ?? node, deployments),
    })
  } finally {
    await heir?.remove()
    if (heir) await command(node, 'REPLICAOF', 'NO', 'ONE')
  }
}

async function open(
  node: RedisNode,
  queue: string,
  name: string,
  heartbeatS: number,
): Promise<Pick<Part, 'app' | 'proxy'>> {
  const proxy = await TcpProxy.start({ port: node.port })
  const settings = { broker: proxy.urlFor(node.url(0)), backend: proxy.urlFor(node.url(1)), defaultQueue: queue }
  const app = lovage(name, settings, {
    env: {},
    open: () => {
      const broker = openBroker(settings.broker, { heartbeatS })
      // A dead socket is known to the backend after three times that.
      return {
        broker,
        backend: openBackend(settings.backend, { broker, connectTimeoutMs: heartbeatS === 1 ? 1000 : 5000 }),
      }
    },
  })
  return { app, proxy }
}

async function checkLeftovers(node: RedisNode, deployments: readonly Deployment[]): Promise<void> {
  const broker = openBroker(node.url(), PATIENT_BROKER)
  await broker.start()
  try {
    for (const one of deployments) await checkQueue(broker, one)
    await until('nothing stands in unacked', async () => Number(await command(node, 'HLEN', 'unacked')) === 0)
    await until('nor in its index', async () => Number(await command(node, 'ZCARD', 'unacked_index')) === 0)
  } finally {
    await broker.stop()
  }
}
