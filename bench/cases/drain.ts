import amqp from 'amqplib'
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'
import type { BenchCase } from '../case.ts'
import { bareSpeaker } from '../peers/bare-speaker.mjs'
import { amqplibOptions, BODY } from '../peers/celery-message.mjs'
import { sideBySide } from '../side-by-side.ts'

const QUEUE = 'drain'
const CONCURRENCY = 100
const WHAT = 'drain, Celery headers, no-op, no results'

/** A full queue emptied, each message parsed and acknowledged: ours, with tasks run, beside a bare speaker and amqplib. */
const drain: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: WHAT, leftOut: 'no RabbitMQ on this machine' }]
  const count = tiny ? 300 : 10_000
  const connection = await amqp.connect(amqpUrl, { noDelay: true })
  try {
    const filler = await connection.createConfirmChannel()
    await filler.assertQueue(QUEUE, { durable: true })
    const options = amqplibOptions({ ignoreResult: true })
    /** Fills the queue, lets it be emptied, and times it from the first message to the last. */
    const drained = (empty: (tick: () => void, done: Promise<void>) => Promise<void>) => async (): Promise<number> => {
      for (let i = 0; i < count; i++) filler.sendToQueue(QUEUE, BODY, options)
      await filler.waitForConfirms()
      let left = count
      let from = 0
      let tookMs = 0
      let end = (): void => {}
      const done = new Promise<void>((resolve) => (end = resolve))
      await empty(() => {
        if (left === count) from = performance.now()
        if (--left > 0) return
        tookMs = performance.now() - from
        end()
      }, done)
      const { messageCount } = await filler.checkQueue(QUEUE)
      if (messageCount > 0) throw new Error(`${messageCount} messages were not acknowledged`)
      return (count / tookMs) * 1_000
    }
    return await sideBySide(
      WHAT,
      tiny ? 1 : 15,
      {
        lovage: drained(async (tick, done) => {
          const app = lovage('bench', { broker: amqpUrl, defaultQueue: QUEUE })
          app.task('bench.add', (x: number, y: number) => {
            tick()
            return x + y
          })
          const running = worker(app, { concurrency: CONCURRENCY })
          await running.start()
          await done
          // Stopping settles what is in flight.
          await running.stop()
          await app.close()
        }),
        'bare speaker': drained(async (tick, done) => {
          const speaker = await bareSpeaker(amqpUrl)
          await speaker.prefetch(CONCURRENCY + 1)
          await speaker.consume(QUEUE, false, ({ body, tag }) => {
            JSON.parse(body.toString())
            speaker.ack(tag)
            tick()
          })
          await done
          // Its answer comes when the acks before it have been taken.
          await speaker.prefetch(1)
          speaker.close()
        }),
        amqplib: drained(async (tick, done) => {
          const channel = await connection.createChannel()
          await channel.prefetch(CONCURRENCY + 1)
          await channel.consume(QUEUE, (message) => {
            if (!message) return
            JSON.parse(message.content.toString())
            channel.ack(message)
            tick()
          })
          await done
          await channel.close()
        }),
      },
      { aims: { 'bare speaker': { atLeast: 0.85 } } },
    )
  } finally {
    await connection.close()
  }
}
export default drain
