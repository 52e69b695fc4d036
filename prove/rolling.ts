// Three workers are restarted one after the other every two seconds under load, and workers and their children are killed
// while a caller waits for 5,000 results, on each broker: nothing is lost, nothing fails.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { seededRandom } from '../src/testing/seeded.ts'
import type { Place } from '../test/chaos/rolling/fleet.ts'
import { roll, survive } from '../test/chaos/rolling/rolling.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'
import { temporaryFolder } from '../test/services/reaper.ts'

const RESULTS = 5_000

/** Tasks of 200 ms: as many as three workers of ten slots can run. One that is told to stop holds more than it runs then. */
const PER_SECOND = 150

/** Fewer do not tell of a median. */
const LEAST_HAND_BACKS = 20

/** `seconds` of restarts on each broker, then kills on each, of workers of pool `async` and of pool `processes`. */
export async function run({ seconds = 60, seed }: ProofOptions): Promise<Proof> {
  const random = seededRandom(seed)
  const failures: string[] = []
  const figures: Record<string, unknown> = { seconds, results: RESULTS }
  const [rabbitmq, redis] = await Promise.all([RabbitmqNode.start(), RedisNode.start()])
  try {
    for (const [name, place] of Object.entries(places(rabbitmq, redis))) {
      const rolled = await roll(
        { ...place, queue: 'rolling' },
        { seconds, everyMs: 2_000, perSecond: PER_SECOND, random },
      )
      console.log(name, 'rolled', JSON.stringify(rolled))
      if (rolled.succeeded !== rolled.sent || rolled.dead > 0) failures.push(`${name}: restarts lost or failed tasks`)
      // What is handed back in order was not begun.
      if (rolled.duplicates > 0) failures.push(`${name}: restarts ran ${rolled.duplicates} tasks twice`)
      if (rolled.handedBack < LEAST_HAND_BACKS)
        failures.push(`${name}: only ${rolled.handedBack} messages were handed back`)
      if (!(rolled.handBackMs.p50 <= 200))
        failures.push(`${name}: the median hand-back took ${rolled.handBackMs.p50} ms`)
      const killed: Record<string, unknown> = {}
      for (const pool of ['async', 'processes']) {
        const options = { results: RESULTS, workers: 3, kills: 10, pool, random }
        const survived = await survive({ ...place, queue: `kills-${pool}` }, options)
        console.log(name, pool, JSON.stringify(survived))
        killed[pool] = survived
        if (survived.arrived !== RESULTS)
          failures.push(`${name}, ${pool}: ${RESULTS - survived.arrived} results are missing`)
      }
      figures[name] = { rolled, killed }
    }
    // Each restart of the owner is a take-over: what others had in hand then is given out again.
    const { embedded } = places(rabbitmq, redis)
    const options = { seconds, everyMs: 2_000, perSecond: PER_SECOND, random, callerFirst: false }
    const owners = await roll({ ...embedded, queue: 'owners' }, options)
    console.log('embedded, owners restarted', JSON.stringify(owners))
    figures['embeddedOwnersRestarted'] = owners
    if (owners.succeeded !== owners.sent || owners.dead > 0) failures.push('restarts of owners lost or failed tasks')
  } finally {
    await Promise.all([rabbitmq.remove(), redis.remove()])
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}

function places(
  rabbitmq: RabbitmqNode,
  redis: RedisNode,
): Record<'rabbitmq' | 'redis' | 'embedded', Omit<Place, 'queue'>> {
  const embedded = `embedded://${temporaryFolder('rolling')}`
  return {
    rabbitmq: { broker: rabbitmq.url(), backend: 'rpc://' },
    redis: { broker: `${redis.url(0)}?visibility_timeout=2`, backend: redis.url(1) },
    embedded: { broker: embedded, backend: embedded },
  }
}
