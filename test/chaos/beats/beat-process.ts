/**
 * A beat as a process of its own, for tests that kill and halt many of them. What it sends is in the ledger. It says on
 * stdout what it has sent. SIGTERM stops it in order.
 */
import { onLog } from '../../../src/base/log.ts'
import { beat } from '../../../src/beat/beat.ts'
import { lovage } from '../../../src/index.ts'

const { LEASE = '2000' } = process.env
const app = lovage('beats', { publishTimeout: '20s', connectTimeout: '60s' })
const made = beat(app, {}, { lease: Number(LEASE), maxInterval: '5s' })
onLog(({ room, message, fields }) => {
  if (room === 'beat') process.stdout.write(`${message} ${JSON.stringify(fields)}\n`)
})
process.on('SIGTERM', () => {
  void made
    .stop()
    .then(() => app.close())
    .then(() => process.exit(0))
})
await made.start()
process.stdout.write('ready\n')
