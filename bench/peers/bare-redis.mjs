// What Node and Redis can do: a list of task messages in Celery's form and a list of answers, nothing acknowledged, taken
// by the hundred, one write a turn. It is a limit, not a product.
import { Redis } from 'ioredis'
import { BODY, headersOf } from './celery-message.mjs'

const MOST = 100

/**
 * Hands each text of a list to `listener` until the connection is closed.
 * @param {Redis} redis
 * @param {string} list
 * @param {(text: string) => void} listener
 */
async function take(redis, list, listener) {
  for (;;) {
    const taken = await redis.blmpop(0, 1, list, 'RIGHT', 'COUNT', MOST).catch(() => undefined)
    if (!taken) return
    for (const text of taken[1]) listener(text)
  }
}

/** Answers each message of a queue. @param {string} url @param {string} queue */
export function bareRedisServer(url, queue) {
  const answers = new Redis(url, { enableAutoPipelining: true })
  void take(new Redis(url), queue, (text) => {
    const { body, properties } = JSON.parse(text)
    const [[x, y]] = JSON.parse(Buffer.from(body, 'base64').toString())
    const id = properties.correlation_id
    const answer = { task_id: id, status: 'SUCCESS', result: x + y, traceback: null, children: [] }
    void answers.lpush(properties.reply_to, JSON.stringify(answer))
  })
}

/** @param {string} url @param {string} queue */
export function bareRedisCaller(url, queue) {
  const replyTo = `${queue}.reply.${process.pid}`
  const [sends, reads] = [new Redis(url, { enableAutoPipelining: true }), new Redis(url)]
  /** @type {Map<string, (value: unknown) => void>} */
  const waiting = new Map()
  void take(reads, replyTo, (text) => {
    const { task_id: id, result } = JSON.parse(text)
    const resolve = waiting.get(id)
    waiting.delete(id)
    resolve?.(result)
  })
  const delivery_info = { exchange: '', routing_key: queue }
  const [body, headers] = [BODY.toString('base64'), headersOf()]
  let last = 0
  return {
    /** @returns {Promise<unknown>} */
    call: () =>
      new Promise((resolve, reject) => {
        const id = String(++last).padStart(36, '0')
        waiting.set(id, resolve)
        const named = { correlation_id: id, reply_to: replyTo, delivery_mode: 2, delivery_info, priority: 0 }
        const properties = { ...named, body_encoding: 'base64', delivery_tag: id }
        const message = { body, 'content-encoding': 'utf-8', 'content-type': 'application/json', headers, properties }
        sends.lpush(queue, JSON.stringify(message)).catch(reject)
      }),
    close() {
      sends.disconnect()
      reads.disconnect()
    },
  }
}
