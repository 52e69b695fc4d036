// On Redis with a visibility timeout of two seconds: tasks that wait for ten run once each, and worker processes that are
// killed while messages flow lose none.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { seededRandom } from '../src/testing/seeded.ts'
import { holdTasks, killWorkers } from '../test/chaos/redis/kills.ts'
import { RedisNode } from '../test/services/redis-node.ts'

const MESSAGES = 50_000

/** `rounds` times 50,000 messages are sent; workers are killed 20 times in each round. */
export async function run({ rounds = 1, seed }: ProofOptions): Promise<Proof> {
  const random = seededRandom(seed)
  const failures: string[] = []
  const figures: Record<string, unknown> = { rounds }
  const redis = await RedisNode.start()
  try {
    const held = await holdTasks(redis, { tasks: 5000, workers: 8, etaMs: 10_000 })
    console.log('held', JSON.stringify(held))
    figures['held'] = held
    if (held.ran !== held.tasks || held.ranTwice > 0 || held.early > 0) failures.push('a held task did not run once')
    const killed: object[] = []
    for (let round = 0; round < rounds; round++) {
      const one = await killWorkers(redis, { messages: MESSAGES, workers: 3, kills: 20, random })
      console.log('killed', JSON.stringify(one))
      killed.push(one)
      if (one.done + one.dead + one.waiting !== one.published) failures.push(`round ${round}: messages are missing`)
    }
    figures['killed'] = killed
  } finally {
    await redis.remove()
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}
