import { Redis } from 'ioredis'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { onLog } from '../../../src/base/log.ts'
import { RedisNode } from '../../services/redis-node.ts'
import { type Part, until } from '../deployment.ts'
import { byDefault, either, halfOpen, halt, type Hurt, noticed, openAmid } from '../hurt.ts'

type Scene = Hurt<RedisNode>

/** What a fault has left. */
export interface Struck {
  /** When the server was back for each part, `performance.now()`. */
  readonly backMs: number
  /** The server that has taken over, to be removed when the round is over. */
  readonly heir?: RedisNode
}

/** One way to hurt. */
export interface Fault {
  readonly name: string
  /** Seconds between signs of life in this round; 30 is what connections have by default. */
  readonly heartbeatS: (round: number) => number
  /** Does it and undoes it. */
  readonly strike: (scene: Scene) => Promise<Struck>
}

/** What Redis and the way to it can do to us, in the order in which the rounds go. */
export const FAULTS: readonly Fault[] = [
  { name: 'stopped for a second', heartbeatS: byDefault, strike: (scene) => back(halt(scene, 1000)) },
  { name: 'stopped for long', heartbeatS: either, strike: (scene) => back(halt(scene, scene.longMs)) },
  { name: 'killed and started', heartbeatS: byDefault, strike: kill },
  { name: 'CLIENT KILL', heartbeatS: byDefault, strike: killClients },
  { name: 'CLIENT PAUSE', heartbeatS: byDefault, strike: pauseClients },
  { name: 'half-open socket', heartbeatS: either, strike: (scene) => back(halfOpen(scene)) },
  { name: 'fail-over to a copy', heartbeatS: byDefault, strike: failOver },
  { name: 'out of memory', heartbeatS: byDefault, strike: outOfMemory },
]

/** Asks a server something over a connection of its own. */
export async function command(node: RedisNode, name: string, ...args: (string | number)[]): Promise<unknown> {
  const client = new Redis({ port: node.port })
  try {
    return await client.call(name, args)
  } finally {
    client.disconnect()
  }
}

async function back(backMs: Promise<number>): Promise<Struck> {
  return { backMs: await backMs }
}

async function kill({ node, deployments }: Scene): Promise<Struck> {
  await node.kill()
  openAmid(deployments)
  await node.start()
  return { backMs: performance.now() }
}

async function killClients(scene: Scene): Promise<Struck> {
  const fromMs = performance.now()
  await command(scene.node, 'CLIENT', 'KILL', 'TYPE', 'normal')
  await command(scene.node, 'CLIENT', 'KILL', 'TYPE', 'pubsub')
  openAmid(scene.deployments)
  return { backMs: await noticed(partsOf(scene), fromMs) }
}

/** Shorter than a publish may take, and longer. */
async function pauseClients({ node, deployments, round }: Scene): Promise<Struck> {
  const ms = round % 2 === 0 ? 1000 : 3000
  await command(node, 'CLIENT', 'PAUSE', ms, 'ALL')
  openAmid(deployments)
  await sleep(systemClock, ms)
  return { backMs: performance.now() }
}

/**
 * A copy becomes the master, in order: what was confirmed it has. The old one takes no writes from then on, and for a while
 * it is all that the parts can reach.
 */
async function failOver(scene: Scene): Promise<Struck> {
  const { node, deployments } = scene
  const heir = await RedisNode.start(['--replicaof', '127.0.0.1', String(node.port)])
  try {
    const roleOf = async (one: RedisNode): Promise<string> => String(await command(one, 'INFO', 'replication'))
    await until('the copy has all', async () => (await roleOf(node)).includes('state=online'))
    const fromMs = performance.now()
    await command(node, 'FAILOVER', 'TO', '127.0.0.1', heir.port)
    openAmid(deployments)
    await until('the copy is the master', async () => {
      return (await roleOf(heir)).includes('role:master') && (await roleOf(node)).includes('role:slave')
    })
    const parts = partsOf(scene)
    await noticed(parts, fromMs)
    for (const { proxy } of parts) proxy.target.port = heir.port
    return { backMs: performance.now(), heir }
  } catch (error) {
    await heir.remove()
    throw error
  }
}

async function outOfMemory({ node, deployments }: Scene): Promise<Struck> {
  const refused = deployments.map(({ unsent }) => unsent + 20)
  let unstored = 0
  const end = onLog(({ message }) => void (message.startsWith('result could not be stored') && unstored++))
  try {
    await command(node, 'CONFIG', 'SET', 'maxmemory', 1)
    openAmid(deployments)
    // Who awaits as much as it may sends nothing that could be refused: its outcomes are.
    await until('messages are refused', () =>
      deployments.every(({ unsent, isFull }, index) => isFull || unsent >= (refused[index] as number)),
    )
    await until('results are refused', () => unstored >= deployments.length)
  } finally {
    end()
    await command(node, 'CONFIG', 'SET', 'maxmemory', 0)
  }
  return { backMs: performance.now() }
}

function partsOf({ deployments }: Scene): Part[] {
  return deployments.flatMap(({ parts }) => parts)
}
