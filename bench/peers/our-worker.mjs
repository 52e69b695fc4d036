// A Lovage worker as users run it. argv: url, queue, concurrency, url of the result backend.
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'

const [url = '', queue = '', concurrency = '1000', backend] = process.argv.slice(2)
const app = lovage('bench', { broker: url, defaultQueue: queue, ...(backend && { backend }) })
app.task('bench.add', (x, y) => x + y)
await worker(app, { concurrency: Number(concurrency) }).start()
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
