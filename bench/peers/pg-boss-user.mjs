// One process of pg-boss that sends jobs and runs them. argv: where the package is, URL of PostgreSQL. serve.mjs says what
// it can be told. A window of 1 sends one by one, any other in batches of so many.
import { pathToFileURL } from 'node:url'
import { mustBe, serve } from './serve.mjs'

const [path = '', connectionString = ''] = process.argv.slice(2)
const { PgBoss } = await import(pathToFileURL(path).href)
const boss = new PgBoss(connectionString)
boss.on('error', (/** @type {Error} */ error) => console.error(error.message))
await boss.start()
await boss.createQueue('bench')
const data = { args: [2, 3] }
/** Workers, or readers by hand, and how many jobs each of them takes at a time. */
const [READERS, WORKER_BATCH, BATCH_BY_HAND] = [4, 200, 500]

/** @param {string} state */
async function jobs(state) {
  const text = `select count(*) as jobs from pgboss.job where name = 'bench' and state = '${state}'`
  return Number((await boss.getDb().executeSql(text)).rows[0].jobs)
}

serve({
  async send(count, window) {
    if (window === 1) {
      for (let i = 0; i < count; i++) await boss.send('bench', data)
    } else {
      for (let i = 0; i < count; i += window) {
        await boss.insert(
          'bench',
          Array.from({ length: Math.min(window, count - i) }, () => ({ data })),
        )
      }
    }
  },
  async drain(count, how) {
    const isByHand = how === 'by hand'
    let [from, ran] = [0, 0]
    let end = () => {}
    const done = new Promise((resolve) => (end = () => resolve(undefined)))
    const run = async (/** @type {object[]} */ taken) => {
      if (from === 0) from = performance.now()
      ran += taken.length
      if (ran >= count) end()
    }
    const read = async () => {
      for (;;) {
        const taken = await boss.fetch('bench', { batchSize: BATCH_BY_HAND })
        if (taken.length === 0) return
        await run(taken)
        await boss.complete(
          'bench',
          taken.map((/** @type {{ id: string }} */ { id }) => id),
        )
      }
    }
    if (isByHand) {
      await Promise.all(Array.from({ length: READERS }, read))
    } else {
      // The shortest interval that it takes.
      const options = { batchSize: WORKER_BATCH, pollingIntervalSeconds: 0.5 }
      for (let i = 0; i < READERS; i++) await boss.work('bench', options, run)
      await done
      await boss.offWork('bench')
    }
    const tookMs = performance.now() - from
    mustBe('jobs run', ran, count)
    mustBe('jobs completed', await jobs('completed'), count)
    await boss.deleteAllJobs()
    return tookMs
  },
  async purge() {
    const waiting = await jobs('created')
    await boss.deleteAllJobs()
    return waiting
  },
})
