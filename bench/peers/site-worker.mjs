// The worker of the site. argv: JSON of its options. Environment: see site-tasks.mjs.
import { worker } from 'lovage/worker'
import { app } from './site-tasks.mjs'

const options = JSON.parse(process.argv[2] ?? '{}')
await worker(app, { ...options, module: new URL('site-tasks.mjs', import.meta.url) }).start()
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
