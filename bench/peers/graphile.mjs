// graphile-worker at its best: jobs added in batches, taken through a local queue, their ends written in batches.

/** @param {any} graphile @param {string} connectionString */
export async function openGraphile({ run, makeWorkerUtils, Logger }, connectionString) {
  const logger = new Logger(() => () => {})
  const utils = await makeWorkerUtils({ connectionString, logger })
  await utils.migrate()
  const preset = { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } }
  return {
    /** @param {number} count @param {number} [most] that are added at a time */
    async send(count, most = 1_000) {
      for (let i = 0; i < count; i += most) {
        const size = Math.min(most, count - i)
        await utils.addJobs(Array.from({ length: size }, () => ({ identifier: 'add', payload: { args: [2, 3] } })))
      }
    },
    /** @param {number} count @returns {Promise<number>} milliseconds from the first job to the last */
    async drain(count) {
      let left = count
      let from = 0
      let tookMs = 0
      /** @type {Promise<any> | undefined} */
      let running
      await new Promise((resolve, reject) => {
        const add = async () => {
          if (from === 0) from = performance.now()
          if (--left > 0) return
          tookMs = performance.now() - from
          resolve(undefined)
        }
        const options = { connectionString, logger, concurrency: 24, noHandleSignals: true, preset, taskList: { add } }
        running = Promise.resolve(run(options))
        running.catch(reject)
      })
      // Few jobs may have run before it says that it is there.
      await (await running).stop()
      return tookMs
    },
    /** @returns {Promise<number>} */
    waiting: () =>
      utils.withPgClient(async (/** @type {any} */ client) => {
        const { rows } = await client.query('select count(*) as jobs from graphile_worker._private_jobs')
        return Number(rows[0].jobs)
      }),
    purge: () =>
      utils.withPgClient((/** @type {any} */ client) => client.query('truncate graphile_worker._private_jobs')),
    close: () => utils.release(),
  }
}
