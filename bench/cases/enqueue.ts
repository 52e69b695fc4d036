import amqp from 'amqplib'
import { lovage } from 'lovage'
import { RabbitmqNode } from '../../test/services/rabbitmq-node.ts'
import type { BenchCase } from '../case.ts'
import { BODY, publishOptions } from '../peers/celery-message.mjs'
import { callsPerSecond, sideBySide } from '../side-by-side.ts'

const WINDOW = 1_000

/** Tasks that the broker has confirmed, 1,000 in flight, on a durable queue: ours beside amqplib with the same headers. */
const enqueue: BenchCase = async ({ tiny }) => {
  const count = tiny ? 500 : 20_000
  const node = await RabbitmqNode.start()
  const app = lovage('bench', { broker: node.url(), defaultQueue: 'enqueue' })
  const connection = await amqp.connect(node.url(), { noDelay: true })
  try {
    const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
    const channel = await connection.createConfirmChannel()
    await add.delay(2, 3)

    const ours = async (): Promise<number> => {
      const reached = await callsPerSecond(count, WINDOW, async () => {
        await add.delay(2, 3)
      })
      await channel.purgeQueue('enqueue')
      return reached
    }
    const theirs = async (): Promise<number> => {
      const options = publishOptions('bench.add', { ignoreResult: true })
      const send = (): Promise<void> =>
        new Promise((resolve, reject) => {
          channel.sendToQueue('enqueue', BODY, options, (error) => (error ? reject(error as Error) : resolve()))
        })
      const reached = await callsPerSecond(count, WINDOW, send)
      await channel.purgeQueue('enqueue')
      return reached
    }
    await ours()
    await theirs()
    return await sideBySide('enqueue, confirmed, 1,000 in flight', tiny ? 1 : 5, ours, theirs, 'amqplib')
  } finally {
    await app.close()
    await connection.close()
    await node.remove()
  }
}
export default enqueue
