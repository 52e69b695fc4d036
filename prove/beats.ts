// Three beats are killed and halted past their leases while 2,000 ticks come due, on each broker: each is run once. Also 1,000
// schedules in the simulator.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { seededRandom } from '../src/testing/seeded.ts'
import { type BeatPlace, hurtBeats } from '../test/chaos/beats/hurt-beats.ts'
import { simulateBeats } from '../test/chaos/beats/simulated.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'
import { removeFolder, temporaryFolder } from '../test/services/reaper.ts'

/** Ticks on each broker, one each half second of 20 entries; a fault a second. */
const ROUND = { entries: 20, everyMs: 500, beats: 3, leaseMs: 2_000, faultEveryMs: 1_000 }

const SCHEDULES = 1_000

/** `rounds` is how often there are 2,000 ticks on each broker. */
export async function run({ rounds = 1, seed }: ProofOptions): Promise<Proof> {
  const failures: string[] = []
  const figures: Record<string, unknown> = { ...ROUND }
  const folder = temporaryFolder('beats')
  const [rabbitmq, redis] = await Promise.all([RabbitmqNode.start(), RedisNode.start()])
  const home = `embedded://${folder}/home`
  const places: Record<string, BeatPlace> = {
    embedded: { broker: home, backend: home, store: home },
    redis: { broker: redis.url(0), backend: redis.url(0), store: redis.url(0) },
    'RabbitMQ, and a store in Redis': { broker: rabbitmq.url(), backend: 'rpc://', store: redis.url(1) },
  }
  try {
    for (const [name, place] of Object.entries(places)) {
      const verdicts = []
      for (let nth = 0; nth < rounds; nth++) {
        const verdict = await hurtBeats(place, { ...ROUND, ticks: 2_000, random: seededRandom(seed + nth) })
        console.log(name, JSON.stringify(verdict))
        verdicts.push(verdict)
        const { missing, twice, strangers } = verdict
        if (missing + twice + strangers > 0) failures.push(`${name}: ${JSON.stringify(verdict)}`)
      }
      figures[name] = verdicts
    }
  } finally {
    await Promise.all([rabbitmq.remove(), redis.remove()])
    removeFolder(folder)
  }
  try {
    figures['simulated'] = await simulateBeats(seed, SCHEDULES)
  } catch (error) {
    failures.push(String(error).split('\n')[0] as string)
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}
