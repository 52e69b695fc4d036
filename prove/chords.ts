// Workers are killed at random while 200 chords run, wherever chords are counted: each body has one outcome, and starts from
// one copy, even where who was killed after sending it is not there to say so.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { seededRandom } from '../src/testing/seeded.ts'
import { killWhileChordsRun } from '../test/chaos/chords/kills.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { temporaryFolder } from '../test/services/reaper.ts'
import { RedisNode } from '../test/services/redis-node.ts'

const CHORDS = 200
const KILLS = 20

/** `rounds` times 200 chords of 8 members on each pair of broker and results; 20 workers are killed in each round. */
export async function run({ rounds = 2, seed }: ProofOptions): Promise<Proof> {
  const random = seededRandom(seed)
  const failures: string[] = []
  const figures: Record<string, unknown> = { rounds }
  const [rabbitmq, redis] = await Promise.all([RabbitmqNode.start(), RedisNode.start()])
  try {
    for (let round = 0; round < rounds; round++) {
      const embedded = `embedded://${temporaryFolder('chords')}`
      const places = {
        embedded: { broker: embedded, backend: embedded },
        redis: { broker: `${redis.url(0)}?visibility_timeout=2`, backend: redis.url(1) },
        rabbitmqAndRedis: { broker: rabbitmq.url(), backend: redis.url(2) },
        rabbitmqAndRpc: { broker: rabbitmq.url(), backend: 'rpc://' },
      }
      for (const [name, place] of Object.entries(places)) {
        const options = { chords: CHORDS, members: 8, workers: 3, kills: KILLS, random }
        const came = await killWhileChordsRun(place, options)
        console.log(name, JSON.stringify(came))
        figures[name] = [...((figures[name] as object[] | undefined) ?? []), came]
        const { right, called, strangers, changed, queuesLeft, begunInTwoCopies } = came
        if (begunInTwoCopies > 0) failures.push(`${name}: ${begunInTwoCopies} bodies began in two copies`)
        if (came.kills < KILLS) failures.push(`${name}: only ${came.kills} workers were killed`)
        if (right !== CHORDS) failures.push(`${name}: ${CHORDS - right} chords came to something else`)
        if (called !== CHORDS / 5) failures.push(`${name}: error callbacks were called for ${called}`)
        if (strangers > 0) failures.push(`${name}: ${strangers} bodies began that nobody waits for`)
        if (changed > 0) failures.push(`${name}: ${changed} outcomes changed`)
        if (queuesLeft > 0) failures.push(`${name}: ${queuesLeft} queues are left over`)
      }
    }
  } finally {
    await Promise.all([rabbitmq.remove(), redis.remove()])
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}
