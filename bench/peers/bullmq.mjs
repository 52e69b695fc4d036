// BullMQ at its best: finished jobs removed, those that somebody waits for kept until they are read.

const DATA = { args: [2, 3] }

/** @param {any} bullmq @param {number} port @param {number} [db] */
export async function openBullmq({ Queue, QueueEvents, Worker }, port, db = 0) {
  const connection = { host: '127.0.0.1', port, db, maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection })
  queue.setMaxListeners(0)
  await queue.waitUntilReady()
  const opts = { removeOnComplete: true, removeOnFail: true }
  /** @type {any} */
  let events
  return {
    /** One job, until the server has it. */
    add: () => queue.add('add', DATA, opts),
    /** @param {number} count @param {number} [most] that are added at a time */
    async send(count, most = 500) {
      for (let i = 0; i < count; i += most) {
        const size = Math.min(most, count - i)
        await queue.addBulk(Array.from({ length: size }, () => ({ name: 'add', data: DATA, opts })))
      }
    },
    /** @param {number} count @param {number} [concurrency] @returns {Promise<number>} ms from the first job to the last */
    async drain(count, concurrency = 200) {
      let left = count
      let from = 0
      let tookMs = 0
      /** @type {any} */
      let worker
      await new Promise((resolve) => {
        const run = async () => {
          if (from === 0) from = performance.now()
          return 5
        }
        worker = new Worker('bench', run, { connection, concurrency })
        worker.on('completed', () => {
          if (--left > 0) return
          tookMs = performance.now() - from
          resolve(undefined)
        })
      })
      await worker.close()
      return tookMs
    },
    /** One job, until its result is here. A job that is removed when it is done can be gone before it is looked at. */
    async call() {
      if (!events) {
        events = new QueueEvents('bench', { connection })
        events.setMaxListeners(0)
        await events.waitUntilReady()
      }
      const job = await queue.add('add', DATA, { removeOnComplete: 10_000 })
      return job.waitUntilFinished(events, 30_000)
    },
    /** @returns {Promise<number>} */
    waiting: () => queue.getWaitingCount(),
    purge: () => queue.obliterate({ force: true }),
    async close() {
      await events?.close()
      await queue.close()
    },
  }
}
