// BullMQ at its best: jobs added in bulk, finished ones removed.

/** @param {any} bullmq @param {number} port */
export async function openBullmq({ Queue, Worker }, port) {
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection })
  await queue.waitUntilReady()
  const opts = { removeOnComplete: true, removeOnFail: true }
  return {
    /** @param {number} count */
    async send(count) {
      for (let i = 0; i < count; i += 500) {
        const size = Math.min(500, count - i)
        await queue.addBulk(Array.from({ length: size }, () => ({ name: 'add', data: { args: [2, 3] }, opts })))
      }
    },
    /** @param {number} count @returns {Promise<number>} milliseconds from the first job to the last */
    async drain(count) {
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
        worker = new Worker('bench', run, { connection, concurrency: 200 })
        worker.on('completed', () => {
          if (--left > 0) return
          tookMs = performance.now() - from
          resolve(undefined)
        })
      })
      await worker.close()
      return tookMs
    },
    purge: () => queue.obliterate({ force: true }),
    close: () => queue.close(),
  }
}
