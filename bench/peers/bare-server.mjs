// amqplib used bare: takes a task message, parses it, answers `reply_to`, acknowledges. argv: url, queue.
import amqp from 'amqplib'

const [url = '', queue = ''] = process.argv.slice(2)
const connection = await amqp.connect(url, { noDelay: true })
const channel = await connection.createChannel()
await channel.assertQueue(queue, { durable: true })
await channel.prefetch(1_000)
await channel.consume(queue, (message) => {
  if (!message) return
  const [[x, y]] = JSON.parse(message.content.toString())
  const { replyTo, correlationId } = message.properties
  const answer = { task_id: correlationId, status: 'SUCCESS', result: x + y, traceback: null, children: [] }
  channel.sendToQueue(replyTo, Buffer.from(JSON.stringify(answer)), {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 1,
    correlationId,
  })
  channel.ack(message)
})
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
