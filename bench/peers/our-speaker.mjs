// Our AMQP client behind the face of the bare speaker. It is no part of the package's exports, so it is built for this alone,
// as the package is, by the case that measures it: what builds it would be most of the memory of a process that only speaks.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** What is built of src. */
export const OUR_CLIENT = ['broker/amqp/client/connect', 'broker/amqp/amqp-url', 'base/clock']

/** @typedef {import('./bare-speaker.mjs').Given} Given */
/** @typedef {import('./bare-speaker.mjs').Taken} Taken */

/**
 * @param {string} url
 * @param {string} folder where it is built
 * @returns {Promise<Awaited<ReturnType<typeof import('./bare-speaker.mjs').bareSpeaker>>>}
 */
export async function ourSpeaker(url, folder) {
  const { connect, parseAmqpUrl, systemClock } = await ourClient(folder)
  const connection = await connect({
    url: parseAmqpUrl(url),
    clock: systemClock,
    timeoutMs: 10_000,
    heartbeatS: 0,
    name: 'bench',
  })
  /** @type {Map<number, () => void>} */
  const unconfirmed = new Map()
  /** @type {(taken: Taken) => void} */
  let onTaken = () => {}
  const channel = await connection.channel({
    onConfirm(last, multiple) {
      for (const [number, done] of multiple ? unconfirmed : [[last, unconfirmed.get(last)]]) {
        if (Number(number) > last) break
        unconfirmed.delete(Number(number))
        if (typeof done === 'function') done()
      }
    },
    onDelivery({ body, properties }, { deliveryTag: tag }) {
      const { replyTo = '', correlationId = '' } = properties
      onTaken({ body: /** @type {Buffer} */ (body), replyTo, correlationId, tag })
    },
  })
  let published = 0
  let isConfirmed = false
  return {
    declare: (queue) => channel.call('queue.declare', { queue, durable: true }),
    purge: (queue) => channel.call('queue.purge', { queue }),
    confirm: () => ((isConfirmed = true), channel.call('confirm.select', {})),
    prefetch: (prefetchCount) => channel.call('basic.qos', { prefetchCount }),
    consume(queue, noAck, listener) {
      onTaken = listener
      return channel.consume(queue, 'c', noAck)
    },
    ack: (tag) => void channel.ack(tag),
    publish(queue, { body, headers, persistent, correlationId, replyTo }, done) {
      const properties = {
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        // Made anew for each message, as those who send make them.
        headers: /** @type {import('../../src/protocol/headers.ts').Headers} */ ({ ...headers }),
        deliveryMode: persistent ? 2 : 1,
        correlationId,
        replyTo,
      }
      channel.publish({ exchange: '', routingKey: queue, mandatory: false, properties, body })
      if (isConfirmed) unconfirmed.set(++published, done)
    },
    close: () => void connection.close(),
  }
}

/** @param {string} folder */
async function ourClient(folder) {
  const part = (/** @type {string} */ path) => import(pathToFileURL(join(folder, `${path}.js`)).href)
  /** @type {typeof import('../../src/broker/amqp/client/connect.ts')} */
  const { connect } = await part('broker/amqp/client/connect')
  /** @type {typeof import('../../src/broker/amqp/amqp-url.ts')} */
  const { parseAmqpUrl } = await part('broker/amqp/amqp-url')
  /** @type {typeof import('../../src/base/clock.ts')} */
  const { systemClock } = await part('base/clock')
  return { connect, parseAmqpUrl, systemClock }
}
