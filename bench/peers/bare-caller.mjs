// The bare speaker as a caller: sends a task message and waits for the answer on a reply queue of its own. Confirms on, as
// everywhere in this case; one header table for all messages.
import { bareSpeaker } from './bare-speaker.mjs'
import { BODY, headersOf } from './celery-message.mjs'

/**
 * @param {string} url
 * @param {string} queue
 */
export async function bareCaller(url, queue) {
  const speaker = await bareSpeaker(url)
  const replyTo = `${queue}.reply.${process.pid}`
  await speaker.confirm()
  await speaker.declare(queue)
  await speaker.declare(replyTo)
  /** @type {Map<string, (value: unknown) => void>} */
  const waiting = new Map()
  await speaker.consume(replyTo, true, ({ body, correlationId }) => {
    const resolve = waiting.get(correlationId)
    waiting.delete(correlationId)
    resolve?.(JSON.parse(body.toString()).result)
  })
  const headers = headersOf()
  let last = 0
  return {
    /** @returns {Promise<unknown>} */
    call: () =>
      new Promise((resolve) => {
        // As long as a task's id, and made for less.
        const correlationId = String(++last).padStart(36, '0')
        waiting.set(correlationId, resolve)
        speaker.publish(queue, { body: BODY, headers, persistent: true, correlationId, replyTo }, () => {})
      }),
    close: () => speaker.close(),
  }
}
