// A worker written by hand: takes a task message, parses it, answers `reply_to` as durably as Lovage does, acknowledges.
// argv: amqplib, bare or redis, url, queue, ms that each task takes (only bare; default: none).
import { bareSpeaker } from './bare-speaker.mjs'

const [who = '', url = '', queue = '', ms] = process.argv.slice(2)

/** @param {Buffer} body @param {string} id */
function answerTo(body, id) {
  const [[x, y]] = JSON.parse(body.toString())
  return Buffer.from(JSON.stringify({ task_id: id, status: 'SUCCESS', result: x + y, traceback: null, children: [] }))
}

// Each holds only what it needs.
if (who === 'redis') {
  const { bareRedisServer } = await import('./bare-redis.mjs')
  bareRedisServer(url, queue)
} else if (who === 'bare') {
  const speaker = await bareSpeaker(url)
  await speaker.declare(queue)
  await speaker.prefetch(ms === undefined ? 1_000 : 0)
  const headers = {}
  /** @param {import('./bare-speaker.mjs').Taken} taken */
  const answer = ({ body, replyTo, correlationId, tag }) => {
    speaker.publish(
      replyTo,
      { body: answerTo(body, correlationId), headers, persistent: true, correlationId },
      () => {},
    )
    speaker.ack(tag)
  }
  const rest = Number(ms ?? 0)
  await speaker.consume(queue, false, (taken) => {
    if (rest === 0) return answer(taken)
    // What was read is good until the next read only.
    const kept = { ...taken, body: Buffer.from(taken.body) }
    setTimeout(() => answer(kept), rest)
  })
} else {
  const { default: amqp } = await import('amqplib')
  const connection = await amqp.connect(url, { noDelay: true })
  const channel = await connection.createChannel()
  await channel.assertQueue(queue, { durable: true })
  await channel.prefetch(1_000)
  await channel.consume(queue, (message) => {
    if (!message) return
    const { replyTo, correlationId } = message.properties
    channel.sendToQueue(replyTo, answerTo(message.content, correlationId), {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      deliveryMode: 2,
      correlationId,
    })
    channel.ack(message)
  })
}
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
