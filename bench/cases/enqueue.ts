import type { BenchCase } from '../case.ts'
import { sideBySide } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { withUsers } from '../systems/queue-user.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'Most of a confirmed send is RabbitMQ’s. The bare speaker’s code takes next to nothing beside that: it writes one header table, encoded once, for all messages, which are all the same to RabbitMQ too. In ours each task has its own id, arguments, time and deadline; half of what our code takes is garbage collection and the promises of a call.'

const WINDOW = 1_000
const WHAT = 'enqueue, Celery headers, confirmed, 1,000 in flight'

/**
 * Tasks that the broker has confirmed, on a durable queue: ours beside a bare speaker and amqplib with the same headers, each
 * in a process of its own.
 */
const enqueue: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: WHAT, leftOut: 'no RabbitMQ on this machine' }]
  const count = tiny ? 300 : 10_000
  const broker = listenersOn(Number(new URL(amqpUrl).port))
  const meter = new CpuMeter(() => broker)
  const peers = {
    lovage: { peer: 'lovage-user', args: [amqpUrl, '', 'ours'] },
    'bare speaker': { peer: 'amqp-user', args: ['bare', amqpUrl, 'bare'] },
    amqplib: { peer: 'amqp-user', args: ['amqplib', amqpUrl, 'amqplib'] },
  }
  return withUsers(peers, (each) =>
    sideBySide(
      WHAT,
      tiny ? 1 : 11,
      each((user, name) => user.sends(count, WINDOW, meter, name)),
      { aims: { 'bare speaker': { atLeast: 0.9, why: WHY } }, meter },
    ),
  )
}
export default enqueue
