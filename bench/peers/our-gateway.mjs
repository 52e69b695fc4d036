// A Lovage gateway as users run it. argv: url, queue.
import { lovage } from 'lovage'
import { gateway } from 'lovage/gateway'

const [url = '', queue = ''] = process.argv.slice(2)
const app = lovage('bench', { broker: url, defaultQueue: queue })
const add = app.task('bench.add', (/** @type {number} */ x, /** @type {number} */ y) => x + y)
const relay = gateway(app, { port: 0 }).get('/add', add, { args: ({ query }) => [Number(query.x), Number(query.y)] })
await relay.start()
process.send?.({ port: Number(new URL(relay.url ?? '').port) })
process.on('disconnect', () => process.exit(0))
