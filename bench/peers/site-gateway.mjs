// A gateway as its users write one: tasks that are waited for, a task that is not, and the naive way. Environment: see
// site-tasks.mjs.
import { gateway } from 'lovage/gateway'
import { add, addQuietly, app, rest } from './site-tasks.mjs'

const cell = new Int32Array(new SharedArrayBuffer(4))
const site = gateway(app, { port: 0, timeout: '60s' })
  .get('/add', add, { args: () => [2, 3] })
  .get('/send', addQuietly, { args: () => [2, 3], reply: 'accept' })
  .get('/rest', rest, { args: ({ query }) => (query.ms === undefined ? [] : [Number(query.ms)]) })
  // What blocks, blocks all.
  .handle('GET', '/naive', ({ query }) => Atomics.wait(cell, 0, 0, Number(query.ms)))
await site.start()
process.send?.({ port: Number(new URL(site.url ?? '').port) })
process.on('disconnect', () => process.exit(0))
