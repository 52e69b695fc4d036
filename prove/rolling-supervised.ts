// Four workers are restarted under load through the supervisor, one after the other and each drained first, ours and
// Python's, on RabbitMQ and on Redis: no failed task, no duplicate. Beside it, `supervisorctl restart` of the original.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { rollGroup, type Restarter, type RolledGroup } from '../test/chaos/supervised/rolled.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'

const PER_SECOND = 30
const LONG_MS = 5_000

export async function run({ rounds = 3 }: ProofOptions): Promise<Proof> {
  const [rabbitmq, redis] = await Promise.all([RabbitmqNode.start(), RedisNode.start()])
  const figures: Record<string, RolledGroup> = {}
  const failures: string[] = []
  try {
    const places = {
      rabbitmq: { broker: rabbitmq.url(), backend: 'rpc://' },
      redis: { broker: redis.url(0), backend: redis.url(1) },
    }
    const one = async (
      broker: keyof typeof places,
      workers: 'lovage' | 'celery',
      restarter: Restarter,
    ): Promise<RolledGroup> => {
      const rolled = await rollGroup({
        ...places[broker],
        workers,
        restarter,
        rounds,
        perSecond: PER_SECOND,
        longMs: LONG_MS,
      })
      const name = `${workers} workers on ${broker}, restarted by ${restarter}`
      console.log(name, JSON.stringify(rolled))
      figures[name] = rolled
      return rolled
    }
    for (const broker of ['rabbitmq', 'redis'] as const) {
      for (const workers of ['lovage', 'celery'] as const) {
        const { lost, duplicates, complaints } = await one(broker, workers, 'lovage')
        const where = `${workers} on ${broker}`
        if (lost > 0) failures.push(`${where}: ${lost} tasks failed or were lost`)
        if (duplicates > 0) failures.push(`${where}: ${duplicates} tasks ran twice`)
        if (complaints.length > 0) failures.push(`${where}: ${complaints.join('; ')}`)
      }
    }
    await one('rabbitmq', 'lovage', 'supervisord')
    await one('rabbitmq', 'celery', 'supervisord')
  } finally {
    await Promise.all([rabbitmq.remove(), redis.remove()])
  }
  return { holds: failures.length === 0, figures: { rounds, ...figures, failures } }
}
