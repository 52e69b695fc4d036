import amqp from 'amqplib'
import { lovage } from 'lovage'
import type { BenchCase } from '../case.ts'
import { bareSpeaker } from '../peers/bare-speaker.mjs'
import { amqplibOptions, BODY, headersOf } from '../peers/celery-message.mjs'
import { callsPerSecond, sideBySide } from '../side-by-side.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'A confirmed send costs RabbitMQ 63 µs whoever sends it. The caller takes 19 µs, and the bare speaker less: it writes one header table, encoded once, for all messages, where each task has its own id, arguments and time in it.'

const QUEUE = 'enqueue'
const WINDOW = 1_000
const WHAT = 'enqueue, Celery headers, confirmed, 1,000 in flight'

/** Tasks that the broker has confirmed, on a durable queue: ours beside a bare speaker and amqplib with the same headers. */
const enqueue: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: WHAT, leftOut: 'no RabbitMQ on this machine' }]
  const count = tiny ? 300 : 10_000
  const app = lovage('bench', { broker: amqpUrl, defaultQueue: QUEUE })
  const bare = await bareSpeaker(amqpUrl)
  const connection = await amqp.connect(amqpUrl, { noDelay: true })
  try {
    const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
    const channel = await connection.createConfirmChannel()
    const purger = await connection.createChannel()
    await bare.confirm()
    await add.delay(2, 3)

    const headers = headersOf({ ignoreResult: true })
    const options = amqplibOptions({ ignoreResult: true })
    const correlationId = headers.id
    const reach = (send: () => Promise<unknown>) => async (): Promise<number> => {
      const reached = await callsPerSecond(count, WINDOW, send)
      await purger.purgeQueue(QUEUE)
      return reached
    }
    return await sideBySide(
      WHAT,
      tiny ? 1 : 15,
      {
        lovage: reach(async () => add.delay(2, 3)),
        'bare speaker': reach(
          () =>
            new Promise<void>((done) => {
              bare.publish(QUEUE, { body: BODY, headers, persistent: true, correlationId }, done)
            }),
        ),
        amqplib: reach(
          () =>
            new Promise<void>((resolve, reject) => {
              channel.sendToQueue(QUEUE, BODY, options, (error) => (error ? reject(error as Error) : resolve()))
            }),
        ),
      },
      { aims: { 'bare speaker': { atLeast: 0.9, why: WHY } } },
    )
  } finally {
    await app.close()
    bare.close()
    await connection.close()
  }
}
export default enqueue
