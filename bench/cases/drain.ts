import amqp from 'amqplib'
import type { BenchCase } from '../case.ts'
import { amqplibOptions, BODY } from '../peers/celery-message.mjs'
import { sideBySide } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { withUsers } from '../systems/queue-user.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'The worker reads every header, finds the task, runs it, and counts and remembers it; a bare speaker looks at the body alone.'

const CONCURRENCY = '100'
const WHAT = 'drain, Celery headers, no-op, no results'

/**
 * A full queue emptied, each message parsed and acknowledged: ours, with tasks run, beside a bare speaker and amqplib, each in
 * a process of its own. All find the same bytes, and may have 101 of them at hand.
 */
const drain: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: WHAT, leftOut: 'no RabbitMQ on this machine' }]
  const count = tiny ? 300 : 10_000
  const broker = listenersOn(Number(new URL(amqpUrl).port))
  const meter = new CpuMeter(() => broker)
  const connection = await amqp.connect(amqpUrl, { noDelay: true })
  const queues: Record<string, string> = { lovage: 'ours', 'bare speaker': 'bare', amqplib: 'amqplib' }
  const peers = {
    lovage: { peer: 'lovage-user', args: [amqpUrl, '', 'ours'] },
    'bare speaker': { peer: 'amqp-user', args: ['bare', amqpUrl, 'bare'] },
    amqplib: { peer: 'amqp-user', args: ['amqplib', amqpUrl, 'amqplib'] },
  }
  try {
    const filler = await connection.createConfirmChannel()
    const options = amqplibOptions({ ignoreResult: true })
    return await withUsers(peers, (each) =>
      sideBySide(
        WHAT,
        tiny ? 1 : 11,
        each(async (user, name) => {
          const queue = queues[name] ?? ''
          await filler.assertQueue(queue, { durable: true })
          for (let i = 0; i < count; i++) filler.sendToQueue(queue, BODY, options)
          await filler.waitForConfirms()
          return user.drains(count, meter, name, CONCURRENCY)
        }),
        { aims: { 'bare speaker': { atLeast: 0.85, why: WHY } }, meter },
      ),
    )
  } finally {
    await connection.close()
  }
}
export default drain
