import amqp from 'amqplib'
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'
import { RabbitmqNode } from '../../test/services/rabbitmq-node.ts'
import type { BenchCase } from '../case.ts'
import { BODY, publishOptions } from '../peers/celery-message.mjs'
import { sideBySide } from '../side-by-side.ts'

const QUEUE = 'drain'
const CONCURRENCY = 100

/** A full queue emptied: no-op tasks run and acknowledged one by one, beside amqplib that parses the body and acks. */
const drain: BenchCase = async ({ tiny }) => {
  const count = tiny ? 500 : 20_000
  const node = await RabbitmqNode.start()
  const connection = await amqp.connect(node.url(), { noDelay: true })
  try {
    const filler = await connection.createConfirmChannel()
    await filler.assertQueue(QUEUE, { durable: true })
    const fill = async (): Promise<void> => {
      for (let i = 0; i < count; i++)
        filler.sendToQueue(QUEUE, BODY, publishOptions('bench.add', { ignoreResult: true }))
      await filler.waitForConfirms()
    }
    const ours = async (): Promise<number> => {
      await fill()
      const app = lovage('bench', { broker: node.url(), defaultQueue: QUEUE })
      let left = count
      let from = 0
      let done = (): void => {}
      const drained = new Promise<void>((resolve) => (done = resolve))
      app.task('bench.add', (x: number, y: number) => {
        if (left === count) from = performance.now()
        if (--left === 0) done()
        return x + y
      })
      const running = worker(app, { concurrency: CONCURRENCY })
      await running.start()
      await drained
      // Stopping settles what is in flight; what was acknowledged does not come back.
      const reached = (count / (performance.now() - from)) * 1_000
      await running.stop()
      await app.close()
      const { messageCount } = await filler.checkQueue(QUEUE)
      if (messageCount > 0) throw new Error(`${messageCount} messages were not acknowledged`)
      return reached
    }
    const theirs = async (): Promise<number> => {
      await fill()
      const channel = await connection.createChannel()
      await channel.prefetch(CONCURRENCY + 1)
      let left = count
      let from = 0
      await new Promise<void>((resolve) => {
        void channel.consume(QUEUE, (message) => {
          if (!message) return
          if (left === count) from = performance.now()
          JSON.parse(message.content.toString())
          channel.ack(message)
          if (--left === 0) resolve()
        })
      })
      const reached = (count / (performance.now() - from)) * 1_000
      await channel.close()
      return reached
    }
    await theirs()
    await ours()
    return await sideBySide('drain, no-op, no results', tiny ? 1 : 5, ours, theirs, 'amqplib')
  } finally {
    await connection.close()
    await node.remove()
  }
}
export default drain
