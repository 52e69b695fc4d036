import { openBackend } from '../../../src/backend/open.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { lovage } from '../../../src/index.ts'
import type { RedisNode } from '../../services/redis-node.ts'
import { TcpProxy } from '../../services/tcp-proxy.ts'
import { Deployment, type Part, until } from '../deployment.ts'
import { lastLines, nothingInHand, recover, type Report, SOME } from '../recovery.ts'
import { command, type Fault } from './faults.ts'

/** What a round is played with. */
export interface RoundOptions {
  readonly node: RedisNode
  readonly round: number
  /** Workers of each deployment; all deployments are hurt by the one fault. */
  readonly workers: readonly number[]
  readonly longMs: number
}

/** Arguments of a server in these rounds: a copy of it is made at once, and not when more might want one. */
export const NO_DELAY = ['--repl-diskless-sync-delay', '0']

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
  let heir: RedisNode | undefined
  try {
    await command(node, 'FLUSHALL')
    for (const count of workers) {
      const queue = `${name}-${count}`
      const heartbeatS = fault.heartbeatS(round)
      deployments.push(await Deployment.start(queue, count, (app) => open(node, queue, app, heartbeatS)))
    }
    await Promise.all(deployments.map((one) => one.beginGated()))
    for (const one of deployments) one.beginLoad()
    await Promise.all(deployments.map((one) => one.outcomes(SOME)))
    const struck = await fault.strike({ node, deployments, round, longMs })
    heir = struck.heir
    const reports = await Promise.all(deployments.map((one) => recover(one, struck.backMs, { fill: true })))
    await checkLeftovers(heir ?? node, deployments)
    await Promise.all(deployments.splice(0).map((one) => one.stop()))
    return reports
  } catch (error) {
    throw new Error(`${fault.name}, round ${round}: ${String(error)}\n${lines.join('\n')}`, { cause: error })
  } finally {
    await Promise.allSettled(deployments.map((one) => one.stop()))
    end()
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
        const { backend } = await app.client()
        if (backend.waiting > 0) throw new Error(`${backend.waiting} results are still waited for in ${app.name}`)
      }
    }
    await until('nothing stands in unacked', async () => Number(await command(node, 'HLEN', 'unacked')) === 0)
    await until('nor in its index', async () => Number(await command(node, 'ZCARD', 'unacked_index')) === 0)
  } finally {
    await broker.stop()
  }
}
