// How fast a bare client empties a queue: takes as many as it may, acknowledges, runs nothing.
import { Redis } from 'ioredis'
import { bareSpeaker } from './bare-speaker.mjs'

/** @param {string} url @param {string} queue @param {number} count @returns {Promise<number>} messages a second */
export async function bareDrainAmqp(url, queue, count) {
  const speaker = await bareSpeaker(url)
  const from = performance.now()
  let left = count
  await speaker.prefetch(1_000)
  await new Promise((resolve) => {
    void speaker.consume(queue, false, ({ tag }) => {
      speaker.ack(tag)
      if (--left === 0) resolve(undefined)
    })
  })
  // Its answer comes when the acks before it have been taken.
  await speaker.prefetch(1)
  const reached = (count / (performance.now() - from)) * 1_000
  speaker.close()
  return reached
}

/** @param {string} url @param {string} queue @param {number} count @returns {Promise<number>} messages a second */
export async function bareDrainRedis(url, queue, count) {
  const redis = new Redis(url)
  const from = performance.now()
  for (let taken = 0; taken < count;) {
    const texts = await redis.rpop(queue, 100)
    if (!texts) throw new Error(`the queue had only ${taken} of ${count} messages`)
    taken += texts.length
  }
  const reached = (count / (performance.now() - from)) * 1_000
  redis.disconnect()
  return reached
}
