// A BullMQ worker. argv: where the package is, port of Redis, database, concurrency.
import { pathToFileURL } from 'node:url'

const [path = '', port, db, concurrency] = process.argv.slice(2)
const { Worker } = (await import(pathToFileURL(path).href)).default
const connection = { host: '127.0.0.1', port: Number(port), db: Number(db), maxRetriesPerRequest: null }
const worker = new Worker('bench', async () => 5, { connection, concurrency: Number(concurrency) })
await worker.waitUntilReady()
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
