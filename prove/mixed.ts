// Two Python workers and two of ours on one queue, a tenth of the tasks known to Python alone, workers of either kind killed
// at random: each of 2,000 results arrives, half of them asked for in Python and half here, over three pairs of servers.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { seededRandom } from '../src/testing/seeded.ts'
import { mixed } from '../test/chaos/mixed/mixed.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'

const RESULTS = 2_000
const KILLS = 12

/** `rounds` of each pair. Over Redis the main processes of Python are spared: see `spare`. */
export async function run({ rounds = 1, seed }: ProofOptions): Promise<Proof> {
  const random = seededRandom(seed)
  const failures: string[] = []
  const figures: Record<string, unknown[]> = {}
  const [rabbitmq, redis] = await Promise.all([RabbitmqNode.start(), RedisNode.start()])
  const places = {
    'RabbitMQ + rpc': { broker: rabbitmq.url(), backend: 'rpc://', spare: false },
    'RabbitMQ + redis': { broker: rabbitmq.url(), backend: redis.url(1), spare: false },
    'Redis + redis': { broker: redis.url(0), backend: redis.url(2), spare: true },
  }
  try {
    let nth = 0
    for (const [name, { broker, backend, spare }] of Object.entries(places)) {
      for (let round = 1; round <= rounds; round++) {
        const options = { results: RESULTS, kills: KILLS, random, spare }
        const end = await mixed({ broker, backend, queue: `mixed${++nth}` }, options)
        console.log(name, JSON.stringify(end))
        ;(figures[name] ??= []).push(end)
        const missing = RESULTS - end.ours - end.theirs
        if (missing > 0 || end.dead > 0) failures.push(`${name}, round ${round}: ${missing} missing, ${end.dead} dead`)
      }
    }
  } finally {
    await Promise.all([rabbitmq.remove(), redis.remove()])
  }
  return { holds: failures.length === 0, figures: { results: RESULTS, kills: KILLS, ...figures, failures } }
}
