// Answers each message of a queue to its reply queue. argv: speaker (bare or ours), url, queue, where ours is built.
import { bareSpeaker } from './bare-speaker.mjs'
import { ourSpeaker } from './our-speaker.mjs'

const [who = '', url = '', queue = '', built = ''] = process.argv.slice(2)
const speaker = await (who === 'ours' ? ourSpeaker(url, built) : bareSpeaker(url))
await speaker.declare(queue)
await speaker.prefetch(1_000)
const headers = {}
await speaker.consume(queue, false, ({ body, replyTo, correlationId, tag }) => {
  speaker.publish(replyTo, { body, headers, persistent: false, correlationId }, () => {})
  speaker.ack(tag)
})
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
