// amqplib used bare: sends a task message and waits for the answer on a reply queue of its own.
import { randomUUID } from 'node:crypto'
import amqp from 'amqplib'
import { BODY, amqplibOptions } from './celery-message.mjs'

/**
 * @param {string} url
 * @param {string} queue
 */
export async function amqplibCaller(url, queue) {
  const connection = await amqp.connect(url, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(queue, { durable: true })
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  /** @type {Map<string, (value: unknown) => void>} */
  const waiting = new Map()
  await channel.consume(
    replyTo,
    (message) => {
      if (!message) return
      const resolve = waiting.get(message.properties.correlationId)
      waiting.delete(message.properties.correlationId)
      resolve?.(JSON.parse(message.content.toString()).result)
    },
    { noAck: true },
  )
  return {
    /** @returns {Promise<unknown>} */
    call: () =>
      new Promise((resolve, reject) => {
        const id = randomUUID()
        waiting.set(id, resolve)
        channel.sendToQueue(
          queue,
          BODY,
          amqplibOptions({ id, replyTo }),
          (error) => error && reject(new Error('the broker did not take it', { cause: error })),
        )
      }),
    close: () => connection.close(),
  }
}
