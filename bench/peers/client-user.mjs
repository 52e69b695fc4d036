// One process that speaks AMQP, with our client or the bare speaker: publishes, consumes, asks bench/peers/echo.mjs. argv:
// ours or bare, url, queue, queue of the echo, where ours is built. serve.mjs says what it can be told.
import { bareSpeaker } from './bare-speaker.mjs'
import { BODY, headersOf } from './celery-message.mjs'
import { ourSpeaker } from './our-speaker.mjs'
import { inFlight, mustBe, serve } from './serve.mjs'

const [who = '', url = '', queue = '', echo = '', built = ''] = process.argv.slice(2)
const open = () => (who === 'ours' ? ourSpeaker(url, built) : bareSpeaker(url))
const speaker = await open()
await speaker.confirm()
await speaker.declare(queue)
const headers = headersOf({ ignoreResult: true })
const purge = async () => {
  /** @type {any} */
  const told = await speaker.purge(queue)
  return Buffer.isBuffer(told) ? told.readUInt32BE(0) : told.messageCount
}

const asker = await open()
const replyTo = `reply.${queue}`
await asker.declare(replyTo)
/** @type {Map<string, () => void>} */
const waiting = new Map()
await asker.consume(replyTo, true, ({ correlationId }) => {
  waiting.get(correlationId)?.()
  waiting.delete(correlationId)
})
let last = 0
const bare = {}

serve({
  send: (count, window) =>
    inFlight(
      count,
      window,
      () =>
        new Promise((done) => speaker.publish(queue, { body: BODY, headers, persistent: true }, () => done(undefined))),
    ),
  async drain(count) {
    const consumer = await open()
    await consumer.prefetch(100)
    let [left, from] = [count, 0]
    await new Promise((resolve) => {
      void consumer.consume(queue, false, ({ tag }) => {
        if (from === 0) from = performance.now()
        consumer.ack(tag)
        if (--left === 0) resolve(undefined)
      })
    })
    const tookMs = performance.now() - from
    // Its answer comes when the acks before it have been taken.
    await consumer.prefetch(1)
    consumer.close()
    mustBe('messages left', await purge(), 0)
    return tookMs
  },
  call() {
    const correlationId = String(++last)
    asker.publish(echo, { body: BODY, headers: bare, persistent: false, replyTo, correlationId }, () => {})
    return new Promise((done) => waiting.set(correlationId, () => done(undefined)))
  },
  purge,
})
