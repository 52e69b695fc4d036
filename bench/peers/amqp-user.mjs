// One process that uses RabbitMQ by hand: sends task messages, calls them, or takes what is there as a worker would that
// runs nothing. argv: bare or amqplib, url, queue. serve.mjs says what it can be told.
import { bareCaller } from './bare-caller.mjs'
import { bareSpeaker } from './bare-speaker.mjs'
import { amqplibOptions, BODY, headersOf } from './celery-message.mjs'
import { inFlight, mustBe, serve } from './serve.mjs'

const [who = '', url = '', queue = ''] = process.argv.slice(2)
serve(await (who === 'bare' ? bareUser() : amqplibUser()))

/** @returns {Promise<import('./serve.mjs').QueueUser>} */
async function bareUser() {
  const speaker = await bareSpeaker(url)
  await speaker.confirm()
  await speaker.declare(queue)
  const headers = headersOf({ ignoreResult: true })
  const message = { body: BODY, headers, persistent: true, correlationId: headers.id }
  /** @type {Awaited<ReturnType<typeof bareCaller>> | undefined} */
  let caller
  const purge = async () => (await speaker.purge(queue)).readUInt32BE(0)
  return {
    send: (count, window) =>
      inFlight(count, window, () => new Promise((done) => speaker.publish(queue, message, () => done(undefined)))),
    async call() {
      caller ??= await bareCaller(url, queue)
      mustBe('2 and 3', await caller.call(), 5)
    },
    async drain(count, how) {
      const tookMs = await bareDrain(count, Number(how) + 1)
      mustBe('messages left', await purge(), 0)
      return tookMs
    },
    purge,
  }
}

/** Answers where an answer is asked for, confirmed; acknowledges. @param {number} count @param {number} prefetch */
async function bareDrain(count, prefetch) {
  const speaker = await bareSpeaker(url)
  await speaker.confirm()
  await speaker.prefetch(prefetch)
  const headers = {}
  let [acked, confirmed, sent, from] = [0, 0, 0, 0]
  await new Promise((resolve) => {
    const look = () => {
      if (acked === count && confirmed === sent) resolve(undefined)
    }
    void speaker.consume(queue, false, ({ body, replyTo, correlationId, tag }) => {
      if (from === 0) from = performance.now()
      const [[x, y]] = JSON.parse(body.toString())
      if (replyTo) {
        const outcome = { task_id: correlationId, status: 'SUCCESS', result: x + y, traceback: null, children: [] }
        const answer = { body: Buffer.from(JSON.stringify(outcome)), headers, persistent: true, correlationId }
        sent++
        speaker.publish(replyTo, answer, () => {
          confirmed++
          look()
        })
      }
      speaker.ack(tag)
      acked++
      look()
    })
  })
  const tookMs = performance.now() - from
  // Its answer comes when the acks before it have been taken.
  await speaker.prefetch(1)
  speaker.close()
  return tookMs
}

/** @returns {Promise<import('./serve.mjs').QueueUser>} */
async function amqplibUser() {
  // The bare speaker's process is to hold nothing of it.
  const [{ default: amqp }, { amqplibCaller }] = await Promise.all([import('amqplib'), import('./amqplib-caller.mjs')])
  const connection = await amqp.connect(url, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(queue, { durable: true })
  const options = amqplibOptions({ ignoreResult: true })
  /** @type {Awaited<ReturnType<typeof amqplibCaller>> | undefined} */
  let caller
  const purge = async () => (await channel.purgeQueue(queue)).messageCount
  const send = () =>
    new Promise((resolve, reject) => {
      channel.sendToQueue(queue, BODY, options, (error) =>
        error ? reject(new Error('the broker did not take it', { cause: error })) : resolve(undefined),
      )
    })
  return {
    send: (count, window) => inFlight(count, window, send),
    async call() {
      caller ??= await amqplibCaller(url, queue)
      mustBe('2 and 3', await caller.call(), 5)
    },
    async drain(count, how) {
      const consumer = await connection.createChannel()
      await consumer.prefetch(Number(how) + 1)
      let [acked, from] = [0, 0]
      await new Promise((resolve) => {
        void consumer.consume(queue, (message) => {
          if (!message) return
          if (from === 0) from = performance.now()
          JSON.parse(message.content.toString())
          consumer.ack(message)
          if (++acked === count) resolve(undefined)
        })
      })
      const tookMs = performance.now() - from
      await consumer.close()
      mustBe('messages left', await purge(), 0)
      return tookMs
    },
    purge,
  }
}
