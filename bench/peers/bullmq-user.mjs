// One process of BullMQ that adds jobs, calls them, and runs them. argv: where the package is, port of Redis, database.
// serve.mjs says what it can be told. `how` of sending is `bulk`; that of a drain is how many run at a time.
import { pathToFileURL } from 'node:url'
import { openBullmq } from './bullmq.mjs'
import { inFlight, mustBe, serve } from './serve.mjs'

const [path = '', port, db = '0'] = process.argv.slice(2)
const module = await import(pathToFileURL(path).href)
const bullmq = await openBullmq({ ...module.default, ...module }, Number(port), Number(db))

serve({
  send: (count, window, how) =>
    how === 'bulk' ? bullmq.send(count, window) : inFlight(count, window, () => bullmq.add()),
  call: async () => mustBe('2 and 3', await bullmq.call(), 5),
  drain: async (count, how) => {
    const tookMs = await bullmq.drain(count, how === '' ? undefined : Number(how))
    mustBe('jobs left', await bullmq.waiting(), 0)
    return tookMs
  },
  async purge() {
    const waiting = await bullmq.waiting()
    await bullmq.purge()
    return waiting
  },
})
