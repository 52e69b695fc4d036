// One process that uses an embedded broker. argv: its URL. Told over IPC: { send: count }, { work: true }, { rest: true };
// tells { sent: true }, { ran: count, from, to } now and then (times are those of the epoch, in ms), { rests: true }.
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'

const [url = ''] = process.argv.slice(2)
const app = lovage('bench', { broker: url, publishTimeout: '30s' })
const now = () => performance.timeOrigin + performance.now()
let ran = 0
let from = 0
/** @type {NodeJS.Timeout | undefined} */
let timer
const tell = () => {
  timer = undefined
  process.send?.({ ran, from, to: now() })
  ran = 0
}
const add = app.task('bench.add', { ignoreResult: true }, (/** @type {number} */ x, /** @type {number} */ y) => {
  if (ran === 0) from = now()
  if (++ran >= 500) tell()
  else timer ??= setTimeout(tell, 20)
  return x + y
})
await app.client()
const running = worker(app, { concurrency: 100, prefetch: 500 })

/** @param {number} count */
async function send(count) {
  let left = count
  const lane = async () => {
    while (left-- > 0) await add.delay(2, 3)
  }
  await Promise.all(Array.from({ length: 1_000 }, lane))
}

/** @param {{ send?: number, work?: boolean }} message */
async function obey(message) {
  if (message.send !== undefined) {
    await send(message.send)
    process.send?.({ sent: true })
  } else if (message.work) {
    await running.start()
  } else {
    await running.stop()
    process.send?.({ rests: true })
  }
}
process.on('message', (/** @type {{ send?: number, work?: boolean }} */ message) => void obey(message))
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
