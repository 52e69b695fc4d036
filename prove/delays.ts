// Everything is killed and started again while 10,000 tasks wait for their time, on each broker: each runs once, none early.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { type Place, restartAll } from '../test/chaos/delays/restart.ts'
import { makeDelays } from '../test/services/delays.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'
import { removeFolder, temporaryFolder } from '../test/services/reaper.ts'

const TASKS = 10_000

/**
 * Each round on each broker in turn. `seconds`: from when the sender begins until the first task is due; twice that on
 * RabbitMQ, which writes each to disk before it confirms, and takes longest to start.
 */
export async function run({ rounds = 1, seconds = 60 }: ProofOptions): Promise<Proof> {
  const failures: string[] = []
  const figures: Record<string, unknown> = { rounds, tasks: TASKS, waitS: seconds, spreadS: SPREAD_MS / 1000 }
  for (const [name, open] of Object.entries(BROKERS)) {
    const played: object[] = []
    for (let round = 0; round < rounds; round++) {
      const { place, remove } = await open()
      try {
        const waitMs = seconds * (name === 'rabbitmq' ? 2000 : 1000)
        const options = { tasks: TASKS, workers: 4, waitMs, spreadMs: SPREAD_MS, patienceMs: 120_000 }
        const one = await restartAll(place, options)
        console.log(name, JSON.stringify(one))
        played.push(one)
        const what = `${name}, round ${round}`
        if (one.ran !== one.sent) failures.push(`${what}: ${one.sent - one.ran} tasks have not run`)
        if (one.ranTwice > 0) failures.push(`${what}: ${one.ranTwice} runs too many`)
        if (one.early > 0) failures.push(`${what}: ${one.early} runs before their time`)
        if (one.left > 0) failures.push(`${what}: ${one.left} messages are left`)
        if (one.waitingWhenKilled !== TASKS) failures.push(`${what}: only ${one.waitingWhenKilled} waited`)
      } finally {
        await remove()
      }
    }
    figures[name] = played
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}

/** The last is due so long after the first. */
const SPREAD_MS = 30_000

const BROKERS: Record<string, () => Promise<{ place: Place; remove: () => unknown }>> = {
  embedded: async () => {
    const folder = temporaryFolder('delays')
    const url = `embedded://${folder}`
    return { place: { broker: url, backend: url }, remove: () => removeFolder(folder) }
  },
  redis: async () => {
    const server = await RedisNode.start()
    return { place: { broker: server.url(0), backend: server.url(1), server }, remove: () => server.remove() }
  },
  rabbitmq: async () => {
    const server = await RabbitmqNode.start()
    await makeDelays(server.url())
    return { place: { broker: server.url(), backend: 'rpc://', server }, remove: () => server.remove() }
  },
}
